"""Words that look like names or addresses and are not: brands, places, words of interfaces; and words that make an
address. Data only.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Apps, banks, carriers, makers, shops, systems; parts of names of several words stand alone.
BRANDS = _words("""
    gojek gopay gosend gofood goride gocar grab grabfood grabpay ovo dana linkaja shopeepay shopee tokopedia
    bukalapak blibli lazada traveloka tiket jenius jago
    flip sakuku mandiri livin bca mybca klikbca bri brimo bni bsi btn cimb niaga danamon permata permatabank maybank
    ocbc nisp panin mega sinarmas uob dbs digibank seabank neobank
    telkomsel indosat ooredoo im3 smartfren axis tri xl axiata byu mytelkomsel myxl myim3 indihome firstmedia biznet
    pln pdam bpjs pertamina mypertamina kai jne jnt sicepat anteraja
    ninja ninjaxpress tiki lion garuda citilink airasia batik wings bluebird maxim indrive zomato deliveroo doordash
    ubereats uber lyft bolt airbnb agoda expedia booking trivago
    skyscanner kayak tripadvisor ryanair easyjet lufthansa emirates qatar delta united jetblue southwest alaska
    amtrak eurostar trainline citymapper waze
    apple iphone ipad ipados ios macos mac macbook imac airpods airdrop airplay icloud itunes safari siri facetime
    imessage carplay homepod keynote finder spotlight
    google gmail android chrome chromebook chromecast pixel nest drive docs sheets slides photos maps youtube duo
    meet keep gboard play wear
    microsoft windows office outlook excel word powerpoint onedrive onenote teams skype edge bing xbox cortana azure
    sharepoint surface copilot
    samsung galaxy bixby oneui xiaomi redmi poco miui oppo vivo realme huawei honor oneplus nokia motorola sony
    playstation lg asus acer lenovo thinkpad dell hp canon epson brother
    intel amd nvidia linux ubuntu debian fedora gnome kde firefox thunderbird libreoffice openoffice writer calc
    impress mozilla opera brave tor
    facebook messenger instagram whatsapp threads meta twitter tiktok snapchat telegram signal line wechat viber
    linkedin pinterest reddit discord slack zoom webex twitch
    spotify netflix disney hulu hbo prime amazon alexa echo kindle ebay etsy walmart target costco ikea aliexpress
    alibaba temu shein zalando
    paypal venmo cashapp zelle wise revolut monzo starling stripe klarna visa mastercard amex barclays hsbc lloyds
    natwest santander halifax nationwide chase citi citibank
    wells fargo capital vanguard fidelity schwab robinhood coinbase binance experian equifax
    verizon t-mobile at&t vodafone o2 ee three sprint comcast xfinity virgin sky bt dhl fedex ups usps hermes evri
    gls dpd
    dropbox box evernote notion trello asana jira github gitlab bitbucket adobe acrobat photoshop lightroom
    illustrator figma canva
    wordpress shopify wix squarespace mailchimp salesforce hubspot zendesk norton mcafee avast bitwarden lastpass
    authy okta
    fitbit garmin strava philips hue sonos bose jbl roku tp-link netgear linksys asus dlink zte mikrotik bluetooth
    wi-fi wifi usb hdmi nfc gps sim esim pin otp qris pdf qr
    """)

# Countries, large cities, regions, languages: no address by themselves.
PLACES = _words("""
    indonesia jakarta bandung surabaya medan semarang makassar palembang denpasar bali yogyakarta jogja bogor depok
    tangerang bekasi malang solo surakarta batam pekanbaru padang
    lampung pontianak banjarmasin balikpapan samarinda manado ambon jayapura mataram lombok kupang jawa sumatra
    sumatera kalimantan sulawesi papua aceh banten riau jambi bengkulu
    america american usa us uk england english britain british scotland scottish wales welsh ireland irish london
    manchester birmingham leeds liverpool glasgow edinburgh bristol cardiff belfast
    york boston chicago seattle dallas houston austin denver miami atlanta detroit phoenix philadelphia francisco
    angeles diego vegas portland orleans california texas florida
    washington nevada oregon ohio georgia virginia carolina michigan canada canadian toronto vancouver montreal
    mexico mexican brazil brazilian argentina chile peru colombia
    france french paris lyon germany german berlin munich hamburg frankfurt italy italian rome milan spain spanish
    madrid barcelona portugal portuguese lisbon
    netherlands dutch amsterdam belgium brussels switzerland swiss zurich geneva austria vienna poland polish warsaw
    czech prague sweden swedish stockholm norway norwegian oslo
    denmark danish copenhagen finland finnish helsinki greece greek athens turkey turkish istanbul russia russian
    moscow ukraine kyiv
    china chinese beijing shanghai hong kong taiwan taipei japan japanese tokyo osaka kyoto korea korean seoul
    singapore malaysia malaysian kuala lumpur penang thailand thai bangkok
    vietnam vietnamese hanoi philippines manila india indian delhi mumbai bangalore chennai pakistan bangladesh
    dhaka nepal lanka dubai emirates qatar doha saudi arabia arabic
    israel egypt cairo kenya nairobi nigeria lagos africa african australia australian sydney melbourne brisbane
    perth zealand auckland asia asian europe european pacific atlantic
    jerman perancis prancis inggris belanda jepang cina tiongkok spanyol italia amerika arab mesir turki rusia korea
    thailand filipina vietnam eropa afrika selandia
    heathrow gatwick schiphol soekarno-hatta changi ngurah rai juanda kualanamu kertajati gambir
    """)

# What calendars, menus and months write with a capital.
INTERFACE = _words("""
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december
    mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec
    senin selasa rabu kamis jumat sabtu minggu januari februari maret mei juni juli agustus oktober desember
    ramadan lebaran natal christmas easter diwali hanukkah nyepi imlek waisak
    ok ctrl alt shift esc tab enter delete home end insert backspace caps lock fn menu settings account accounts
    profile security privacy general about help support wallet wi-fi network
    notifications display sound storage battery location language languages region calendar contacts messages phone
    camera gallery files downloads bookmarks history
    pengaturan akun profil keamanan privasi umum tentang bantuan dukungan dompet jaringan notifikasi tampilan suara
    penyimpanan baterai lokasi bahasa wilayah kalender kontak pesan telepon kamera
    galeri berkas unduhan riwayat beranda lainnya saya anda aktivitas pesanan pembayaran transfer tarik tunai pulsa
    tagihan promo keranjang checkout
    ssn nik npwp ktp iban ip cvv mac url id vpn sms faq
    """)

NEVER_PERSONAL = BRANDS | PLACES | INTERFACE

# Kinds of streets and of parts of an address, and the abbreviations of US, Canadian and Australian states behind a
# town.
ADDRESS_CUES = _words("""
    street st road rd avenue ave lane ln drive dr court ct boulevard blvd way place pl square sq terrace crescent
    close highway hwy parkway pkwy circle trail alley row
    suite apt apartment flat unit floor building bldg house villa estate heights gardens mews box p.o po postcode
    zip ext gate grove hill park ridge walk wharf view meadows
    jalan jl jln gang gg blok no nomor rt rw kelurahan kel kecamatan kec kabupaten kab kota desa dusun perumahan
    perum komplek kompleks lantai lt apartemen ruko kav kavling kode pos
    """)
STREET_ENDINGS = (
    "straße",
    "strasse",
    "gatan",
    "gata",
    "gade",
    "vej",
    "weg",
    "straat",
    "laan",
    "plein",
    "katu",
    "tie",
    "allee",
    "platz",
    "utca",
    "singel",
)

# Before a name, never of it.
BEFORE_NAMES = _words("my your our his her their the a an dear hi hello hey halo hai kepada dari nama name")

TITLES = _words(
    "mr mrs ms miss dr prof sir madam lord lady mx bapak ibu pak bu sdr sdri saudara saudari tuan nyonya nona mas mbak"
    " bang kak drs ir hj h st"
)
