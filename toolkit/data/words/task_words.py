"""Words by which a title is known to name a task, in English and Indonesian. Data only.

A title counts as a task only when its first word (after an -ly adverb in English) is one of these verbs: a closed list
misses some tasks, which the ledger shows, but makes no question out of "Colours of the status light".
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH_VERBS = words("""
    access accept activate adapt add adjust allow answer apply appeal archive arrange ask assemble assign attach
    authorise authorize avoid
    back block book boost borrow browse build buy calculate calibrate call cancel cast change charge check choose
    claim clean clear click clip clone close
    collect combine compare complete compress configure confirm connect contact control convert copy correct create
    crop customise customize
    cut deactivate declare decline decrease define delete deploy deposit describe detach determine diagnose dim
    disable disallow disassemble
    disconnect dismiss display dispute divide donate download drag draw drop dry edit eject email empty enable
    encrypt end enlarge enrol enroll enter erase
    exchange exclude exit expand export extend extract file fill filter find finish fit fix flash fold follow force
    forget format forward free freeze
    get give go grant group hand hide highlight hold identify import improve include increase inspect insert install
    invite isolate
    loosen join keep label launch leave let lift limit link list listen load locate lock log look lower magnify make
    manage map mark match measure merge migrate
    minimise minimize modify monitor mount move mute name navigate negotiate open optimise optimize order organise
    organize override
    pack pair park password-protect pause pay perform permit personalise personalize pick pin place plan play plug
    post postpone prepare press
    prevent preview print process protect prove publish pull purchase push put quit raise read rearrange reboot
    rebook recall receive
    recharge reclaim record recover recycle redeem redial redirect reduce refill refresh refund register reinstall
    reject release
    reload remove rename renew rent reopen reorder repair repeat replace reply report request reschedule reset
    resize resolve restart restore restrict resume
    retrieve return reverse review revoke rotate run save scan schedule scroll search secure select sell send
    separate set share ship show shrink shut
    sign silence simulate skip snooze solve sort speak specify split start stop store stream submit subscribe
    suspend swap switch sync
    swipe synchronise synchronize tag take talk tap tape tighten stick teach tell test tidy track transfer translate
    travel trim troubleshoot turn type
    unblock undo unscrew unfollow unfreeze uninstall unlink unlock unmount unmute unpair unpin unplug unsubscribe
    unzip update upgrade upload use
    validate verify view visit wait wake warn wash watch weigh wipe withdraw work wrap write zip zoom
    """)

# Imperatives of steps that titles, which ENGLISH_VERBS come from, seldom hold.
ENGLISH_STEP_VERBS = words("""
    be do let look press tap swipe click hold keep note repeat try wait go follow say have take make use put give read
    run see think leave return continue proceed ensure visit log sign scroll stay speak bring pull push point pour mix
    stir rinse dry fold slide twist tighten loosen wear aim anchor append autosave bisect boot bump cd change clone
    commit compile consider consult copy crop desaturate discard double-click drag duplicate examine execute fetch
    flatten generate hit init initialise initialize inquire invoke issue link list log mark mount note oilify
    overwrite paint paste position pre-fill prefix push rebase rebuild recompile refer reopen rewind right-click
    rotate scale set shift-click sketch squash stage stash strip switch synchronize think tick toggle uncheck
    uncompress unpack unlink untar untick unwrap warp wipe write yank decide feather sharpen blur invert merge
    determine discuss document explain file grab identify inform inspect introduce investigate locate mention modify
    notify obtain offer place pick play plug prefer reassign rerun respond send specify state summarize summarise
    supply tell trigger triage unmount vote bookmark brush choose colour color erase feed fill grow highlight insert
    lay light lock measure mirror outline oversee peel pin pinch pop press pretend raise render reposition reverse
    maintain prepare reproduce retry revert reinstate relaunch reconnect reselect reduce reconfigure modify mail
    message navigate obtain omit overlay peruse plot populate preserve probe proofread query quote rank realise
    realize rebuild recheck reconsider recreate refine reflect regenerate reopen repopulate rerun research reseat
    respond retain rewrite ring roll route satisfy simplify skim slice smear spray squeeze standardise standardize
    store strengthen study subtract suggest supply surround teach telephone text time title top touch train transform
    transplant traverse treat twist undo unite unload unset untie use utilise utilize vary walk warm water weave
    weigh whip withdraw witness wrap yield zip allocate analyse analyze approve ask assess assume begin blend
    bring buy calibrate capture categorise cite clarify close cluster compute concatenate conduct construct cover
    cross declare decompress delegate demonstrate derive design destroy detect develop dial differentiate direct
    distribute double drain drop elect embed employ encode encourage engage ensure establish estimate evaluate
    experiment export extrude fasten feather filter finalise finalize fine-tune flip focus force format fuse gather
    glue grant guess handle hang heat help ignore illustrate imagine incorporate indicate inflate initiate
    input interpret interrupt iterate jot jump justify knock learn lean lengthen limit loop maximise maximize
    minimise minimize mix
    rub sand screw seal shake shade shape smooth snap sort spread squeeze stack stamp steer stretch sweep swing tear
    thread tie tilt touch trace trim tune unfold unlock unroll vary wind
    """)

INDONESIAN_STEP_VERBS = words(
    "klik kunjungi ketuk tap ketik geser tekan tunggu ulangi lanjutkan pastikan ikuti sentuh usap gulir tahan bawa"
    " ambil jangan coba perhatikan ingat biarkan kembali lakukan"
)

# Verbs that are nouns just as well: "Monitor Resolution", "Release checklist", "Print size" name things.
ENGLISH_NOUN_VERBS = words("""
    access balance book charge complete contact control design display document dispute file filter format function
    guide label layer level light link list lock log map mark mask match measure monitor name note order pack page
    paint park patch pin place plan plug post print process profile program project query question rank record
    register release report request return review ring roll run sample scale schedule screen script search separate
    set share ship shop sign sort split stage stamp start state stop store stream style supply support switch tag
    target test time track transfer travel trim trip type update use value view visit volume vote wait walk watch
    work wrap zip zoom
    """)

# After one of these as second word, a verb-like first word is part of a name: "Print quality", "Share settings",
# "Search results".
ENGLISH_NOUN_HEADS = words("""
    settings setting options option results result quality status details detail preview history features feature
    panel menu page
    information overview policy terms rates rate fees fee reference requirements troubleshooter problems problem
    issues types type
    methods method keys key tips list times time center centre services service charges table notes
    note dates date checklist checklists balance balances tool tools effect effects
    """)

INDONESIAN_IMPERATIVES = words("""
    aktifkan ajukan alihkan ambil amankan arsipkan atur bagikan bandingkan batalkan batasi bayar beli bersihkan blok
    blokir buat buka bungkus cadangkan
    cari catat cek centang cetak cicil daftar daftarkan dapatkan ekspor ganti gabungkan geser gunakan gulung hapus
    hemat hentikan hitung hubungi hubungkan
    impor instal isi jadwalkan jalankan jual kelola ketik ketuk klik kembalikan kemas kendalikan keluarkan kirim
    kirimkan klaim konfigurasikan kosongkan
    kunci kurangi lanjutkan laporkan lacak lepas lepaskan lihat lindungi lupakan masukkan matikan minta mulai
    mutakhirkan naikkan nonaktifkan nyalakan
    pakai panggil pasang pastikan periksa perbaiki perbarui perbesar perkecil perpanjang pesan pilih pindah
    pindahkan pindai potong pulihkan putar putuskan
    reset salin sambungkan segarkan sentuh sembunyikan sesuaikan setel siapkan simpan sunting tambah tambahkan
    tampilkan tandai tarik tata tautkan tekan temukan
    terapkan terima tetapkan tinjau tolak transfer tukar tukarkan tulis tunda tutup ubah uji unduh unggah undang
    urutkan verifikasi
    """)

# Forms that meN- plus a stem does not give by rule: one syllable, per-, loan words.
INDONESIAN_FORMS = {
    "cek": "mengecek",
    "perbaiki": "memperbaiki",
    "perbarui": "memperbarui",
    "perbesar": "memperbesar",
    "perkecil": "memperkecil",
    "perpanjang": "memperpanjang",
    "pesan": "memesan",
    "klaim": "mengklaim",
    "reset": "mereset",
    "mulai": "memulai",
    "pindah": "pindah",
    "mutakhirkan": "memutakhirkan",
}

# Active verbs that stand as they are: ber- verbs and intransitive ones.
INDONESIAN_PLAIN_VERBS = words(
    "masuk keluar berbagi berhenti berpindah berlangganan bertukar bergabung beralih belanja berbelanja berjalan log"
    " login"
)

# Nouns and others that look like meN- verbs.
INDONESIAN_NOT_VERBS = words(
    "media menit metode metoda mengapa menu meja medan mesin merek meter menara mereka melalui mendadak menengah memori"
    " meski menurut mengenai merah mental megah"
)

# Pairs that make two otherwise equal questions different tasks.
_OPPOSITES = (
    "on off|enable disable|lock unlock|block unblock|add remove|add delete|mute unmute|link unlink|pin unpin|install"
    " uninstall|activate deactivate|follow unfollow|subscribe unsubscribe|increase decrease|raise lower|show"
    " hide|connect disconnect|upload download|open close|freeze unfreeze|pair unpair|start stop|import export|with"
    " without|before after|all individual|all single|incoming outgoing|send receive|deposit withdraw|aktifkan"
    " nonaktifkan|mengaktifkan menonaktifkan|nyalakan matikan|menyalakan mematikan|kunci buka|mengunci membuka|tambah"
    " hapus|menambah menghapus|menambahkan menghapus|unggah unduh|mengunggah mengunduh|buka tutup|membuka"
    " menutup|tampilkan sembunyikan|menampilkan menyembunyikan|masuk keluar|dengan tanpa"
)
OPPOSITES = tuple(words(pair) for pair in _OPPOSITES.split("|"))
