"""What how-to texts are made of: technical words that general lists have too seldom, and the words that are common in
them. Data only.
"""

from __future__ import annotations

from toolkit.data.words.task_words import ENGLISH_VERBS, INDONESIAN_FORMS, INDONESIAN_IMPERATIVES, words

# Technical words of manuals that general lists have too seldom.
TECHNICAL = words("""
    applet autofill autoplay backend bitrate bookmarklet captcha checkbox clipart cmyk codec codecs config cursor
    cutoff datasheet defrag
    dialog dialup dongle dpi ebook ethernet favicon firewall firmware fontwork formatter gamepad gamut gesture
    greyscale halftone hashtag
    hibernate hotkey hotspot icc inbox infrared inkjet interline intranet jpeg kerning keybinding keygen keylogger
    keypad keyring lanyard
    letterhead linefeed localhost lockscreen login logout macros mailto malware metadata midtone mnemonic modem
    monospace multicast
    multitask namespace newline offline online onscreen opentype overclock overscan palettes paperclip passcode
    passkey passphrase pathname
    pixelate popup postscript preset printhead pushpin quicklaunch ransomware readme reboot rebind refresh router
    rootkit scanline
    screencast screensaver scrollbar segmented serif sidebar slideshow smartphone spellcheck spoiler spoofing
    spyware stylus subfolder
    submenu subnet subpixel subtitle superscript subscript symlink syntax tablet taskbar templating thumbnail
    timecode timeout timestamp
    titlebar toggle toggles tooltip tooltips touchpad touchscreen trackball trackpad tethering truetype typeface
    unicode unpair untick
    username utilities vcard viewport voicemail wallpaper webcam webpage widget wildcard workgroup workspace
    zoomable gawai peramban pindai
    pratinjau sandi surel swafoto tautan tetikus unduhan unggahan aplikasi basisdata berkas cakram cetak dasbor
    daring digit diska dokumen
    folder fon galat gulir kelipan kendali ketuk klik konfigurasi kursor langganan layar luring mesin nirkabel
    nonaktif otentikasi papan
    partisi pemindai pencetak pengaturan penyuntingan peladen piksel gasal tambat taut sisip wisaya invers hirarki
    sakelar porta resolusi
    rona sandiwara saturasi setelan tab tampilan tilas token tombol ubahan verifikasi warganet
""")

# What how-to texts are made of.
HELP_WORDS = (
    TECHNICAL
    | ENGLISH_VERBS
    | INDONESIAN_IMPERATIVES
    | frozenset(INDONESIAN_FORMS.values())
    | words("""
    about account accounts address again amount application applications appears available balance bank banking
    battery before below between
    bottom browser button buttons camera cannot card cards changes chat checked click clicking code codes column
    company complete computer
    confirmation connected connection contact contacts content corner courier currently customer customers data date
    default delivery
    desktop details device devices different display document documents double driver during email enabled enough
    error every example file
    files filter final first flight folders following font format found function group groups header history home
    hotel icon icons image
    images immediately information insert instead internet into invoice items keyboard language laptop larger later
    layout length letter
    level lights limit line list lists location lower machine main many menu menus message messages method minute
    minutes mobile mode money
    monitor month more mouse moved name names needed network networks never next nothing notification notifications
    number numbers object
    offer older once only opened opening option options order orders other outside page pages paper parcel part
    passenger password payment
    payments people percent permission personal phone photo photos picture picker plan playing please plug point
    pointer power pressing
    previous printer printers private problem product products profile program programs project properties provider
    public question reason
    receipt receipts recipient record recently region remote removed repeat required response result results return
    right room safe same
    saved saving screen screens seconds section security selected selector sent service services session settings
    several shared sharing
    shipping shop shortcut shortcuts should show shown similar simple single site size small social software
    something sound space special
    started status step steps stopped storage store stored style subject such supported sure switch system systems
    table tabs tapping team
    technical temporary text than that their then there these thing this ticket tickets time times title toolbar
    total touch travel trip
    turned typing under until updated user users using value verification version video view volume wallet want
    warning website when where
    which while whole wide window windows wireless with within without word work would write wrong your adalah akan
    aktif akun alamat anda
    angka aplikasi atas atau atur awal bagian bagikan bahasa baik baris baru batas batalkan bawah beberapa belum
    berapa berada berbagai
    berbeda berhasil berikut berikutnya berkas biaya biasanya bisa buku cara catatan cepat contoh daftar dalam dapat
    dari dengan detail
    diatur dibuat digunakan dikirim dipakai dipilih ditampilkan dokumen dompet faktur foto gambar ganda garis hanya
    harga hari harus hilang
    hitam huruf informasi ingin jalan jaringan jendela jenis jika jumlah kabel kali kamera kanan kantor kartu kasus
    kata keamanan kecil
    kembali kemudian kepala keterangan ketika ketik kiri kode kolom komputer koneksi konfirmasi kontak kosong kotak
    kurir kurang lagi lain
    lainnya lama langkah langsung layanan layar lebih lembar lengkap lewat lokasi luar maka masalah masih masuk mata
    melalui melihat memakai
    membuat membuka memilih menambah menekan mengatur mengetik mengganti menggunakan menghapus mengirim mengubah
    menit mematikan merah mesin
    metode misalnya muncul mungkin nama namun nilai nomor objek oleh otomatis paket paling panduan papan pastikan
    pelanggan pembayaran
    pemberitahuan pencarian penerbangan pengaturan pengguna pengiriman penjual penting perangkat pertama perlu
    perusahaan pesan pesanan
    petunjuk pilihan posisi produk profil proses rekening ringkasan rumah saat saja saldo salah salinan sama sampai
    sandi sebagai sebelah
    sebelum sebuah sedang sekarang selama selesai seluruh semua seperti sesuai setelah setiap sistem situs suara
    sudah surat tabel tampil
    tampilan tanda tanggal tanpa tautan teks telah telepon tempat tengah tentang terakhir terlalu tersedia tersebut
    tertentu tidak tiket
    tingkat toko tombol ukuran umum unduhan untuk urutan utama versi waktu warna yang
""")
)
