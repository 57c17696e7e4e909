"""Whatever stands in an archive, an import takes in a snapshot of ours or changes nothing, and says why in a sentence."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from crash_disk import read_tree
from projects import Project
from snapshot_world import FAILURES, GOOD, LOG, META, SESSION, Forged, block, plain, python_tar, take, tar_header

from orchestrator_mcp.errors import SnapshotError
from orchestrator_mcp.records.snapshot import MOST_FILES

TAKE_IN = Path(__file__).with_name("take_in.py")
MOST_MEMORY = 300_000
"""Kilobytes."""


def named(*names: str) -> Forged:
    return GOOD.but(files=GOOD.files | dict.fromkeys(names, b"{}\n"))


def instead(name: str, member: bytes) -> Forged:
    """A good snapshot, in which something else stands where a file should."""
    whole = GOOD.member

    def replaced(one: str, data: bytes) -> bytes:
        return member if one == name else whole(one, data)  # type: ignore[call-arg]

    return GOOD.but(member=replaced)


def lying(**said: object) -> Forged:
    return GOOD.but(line=lambda line: line | (said if line["path"] == META else {}))


def also(member: bytes) -> Forged:
    return GOOD.but(end=member + GOOD.end)


def info(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size = size
    for key, value in fields.items():
        setattr(found, key, value)
    return found


PLACE = f"sessions/{SESSION}/checkpoints"
SPARSE = plain(LOG, tarfile.GNUTYPE_SPARSE)
NAMES = {
    "slip": "../evil", "slip inside": "sessions/../../evil", "absolute": "/tmp/evil", "dot": "./evil",
    "empty part": f"sessions//{SESSION}/log.jsonl", "trailing slash": f"{PLACE}/", "backslash": f"{PLACE}\\evil",
    "drive": "C:/evil", "stream of a file": f"{PLACE}/a:b", "nul": f"{PLACE}/a\0b", "newline": f"{PLACE}/a\nb",
    "device name": f"{PLACE}/CON.json", "tilde": "~/evil", "not ascii": f"{PLACE}/ä.json", "bidi": f"{PLACE}/\u202egpj.json",
    "surrogate": f"{PLACE}/\udcff.json", "long name": f"{PLACE}/{'a' * 70}", "deep": f"{PLACE}/{'a/' * 3000}b",
    "too long": f"{PLACE}/{'abcdefghi/' * 20}b", "hidden": f"{PLACE}/.evil", "key": "secrets/redaction.key",
    "lock": f"sessions/{SESSION}/lock", "store lock": "lock", "cache": "cache/index.sqlite", "identity": "meta.json",
    "ignore": ".gitignore", "current": "current", "report": "reports/x.md", "staging": "tmp/x/y",
    "pending": "migration_backup/import-x/pending.json", "erased": ".erased", "quarantine": f"{LOG}.quarantine",
    "unknown": f"sessions/{SESSION}/run.sh", "top": "evil.json", "folder alone": "sessions", "empty": "",
    "session alone": f"sessions/{SESSION}", "archive twice": f"archive/{SESSION}~~2/log.jsonl",
}  # fmt: skip

FORGED: dict[str, Forged] = {
    **{f"name: {what}": named(name) for what, name in NAMES.items()},
    "symbolic link": instead(META, plain(META, tarfile.SYMTYPE, "/etc/passwd")),
    "hard link": instead(META, plain(META, tarfile.LNKTYPE, "/etc/passwd")),
    "character device": instead(META, plain(META, tarfile.CHRTYPE)),
    "block device": instead(META, plain(META, tarfile.BLKTYPE)),
    "fifo": instead(META, plain(META, tarfile.FIFOTYPE)),
    "folder": also(plain(PLACE, tarfile.DIRTYPE)),
    "folder in the place of a file": instead(META, plain(META, tarfile.DIRTYPE)),
    "contiguous file": instead(META, plain(META, tarfile.CONTTYPE)),
    "sparse file": instead(META, SPARSE),
    "long name of GNU": also(plain("././@LongLink", tarfile.GNUTYPE_LONGNAME) + block(b"x" * 3000)),
    "extension": also(plain("x", tarfile.XHDTYPE)),
    "global extension": also(plain("x", tarfile.XGLTYPE)),
    "unknown type": instead(META, plain(META, b"Z")),
    "link before a file": GOOD.but(
        member=lambda name, data: plain("sessions", tarfile.SYMTYPE, "/tmp") + tar_header(name, len(data)) + block(data)
    ),
    "program": instead(META, tar_header(META, len(GOOD.files[META]), mode=0o4755) + block(GOOD.files[META])),
    "owner": instead(META, tar_header(META, len(GOOD.files[META]), uid=1) + block(GOOD.files[META])),
    "other time": instead(META, tar_header(META, len(GOOD.files[META]), mtime=1) + block(GOOD.files[META])),
    "other name": instead(META, tar_header("evil", len(GOOD.files[META])) + block(GOOD.files[META])),
    "one twice": GOOD.but(order=lambda names: [*sorted(names), META]),
    "not in order": GOOD.but(order=lambda names: sorted(names, reverse=True)),
    "upper case": named(f"{PLACE}/a.json", f"{PLACE}/A.json"),
    "upper case of a folder": named(f"{PLACE}/a/x.json", f"{PLACE}/A/y.json"),
    "file and folder": named(f"{PLACE}/a", f"{PLACE}/a/b"),
    "file and folder in other letters": named(f"{PLACE}/A", f"{PLACE}/a/b"),
    "session in other letters": GOOD.but(
        files=GOOD.files | {META.replace(SESSION, SESSION.upper()): b"{}", FAILURES.replace(SESSION, SESSION.upper()): b""}
    ),
    "wrong hash": lying(sha256="0" * 64),
    "no hash": lying(sha256=""),
    "hash in capitals": lying(sha256=hashlib.sha256(GOOD.files[META]).hexdigest().upper()),
    "larger than it says": lying(size=1),
    "smaller than it says": lying(size=10_000),
    "negative size": lying(size=-1),
    "huge size": lying(size=10**400),
    "size of many gigabytes": lying(size=1 << 33),
    "size as text": lying(size="ten"),
    "time that no header holds": lying(mtime=1 << 40),
    "more files than it says": GOOD.but(header={"files": 1}),
    "fewer files than it says": GOOD.but(header={"files": 9}),
    "millions of files": GOOD.but(header={"files": MOST_FILES + 1}),
    "other sum": GOOD.but(header={"bytes": 1}),
    "terabytes": GOOD.but(header={"bytes": 1 << 40}),
    "future format": GOOD.but(header={"format": 2}),
    "another tool": GOOD.but(header={"tool": "tar"}),
    "no repository": GOOD.but(header={"repo_id": None}),
    "odd repository": GOOD.but(header={"repo_id": "../../x"}),
    "odd time": GOOD.but(header={"exported_at": "yesterday"}),
    "line that is no object": GOOD.but(line=lambda _line: []),  # type: ignore[arg-type, return-value]
    "line that is deep": GOOD.but(line=lambda line: line | {"path": "x", "more": json.loads("[" * 500 + "]" * 500)}),
    "member more": also(tar_header("evil", 4) + block(b"evil")),
    "member less": GOOD.but(member=lambda name, data: b"" if name == META else tar_header(name, len(data)) + block(data)),
    "no end": GOOD.but(end=b""),
    "half an end": GOOD.but(end=bytes(512)),
    "more zeros": GOOD.but(end=bytes(10_240)),
    "something in the gaps": GOOD.but(
        member=lambda name, data: tar_header(name, len(data)) + block(data)[: -1 if len(data) % 512 else None] + b"x"
    ),
}  # fmt: skip

WHOLE = GOOD.packed()
TAR = GOOD.tar()
WITHOUT = tar_header(META, 2) + block(b"{}") + bytes(1024)


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.jsonl", GOOD.manifest())
    return out.getvalue()


RAW: dict[str, bytes] = {
    "nothing": b"",
    "text": b"hello\n",
    "tar without gzip": TAR,
    "bzip2": bz2.compress(TAR),
    "xz": lzma.compress(TAR),
    "zlib": zlib.compress(TAR),
    "zip": _zip(),
    "empty gzip": gzip.compress(b""),
    "gzip of gzip": gzip.compress(WHOLE),
    "empty tar": gzip.compress(bytes(10_240)),
    "no manifest": gzip.compress(WITHOUT),
    "manifest not first": gzip.compress(WITHOUT[:1024] + TAR),
    "manifest twice": gzip.compress(TAR[: TAR.index(b"sessions/", 1000)] + TAR),
    "manifest as a link": gzip.compress(plain("manifest.jsonl", tarfile.SYMTYPE, "/etc/passwd") + TAR[512:]),
    "manifest of 32 GB": gzip.compress(tar_header("manifest.jsonl", (1 << 33) - 1) + TAR[512:]),
    "manifest of nothing": gzip.compress(tar_header("manifest.jsonl", 0) + bytes(1024)),
    "as Python writes it": python_tar((info("manifest.jsonl", len(GOOD.manifest())), GOOD.manifest())),
    "slip by Python": python_tar((info("../evil", 4), b"evil")),
    "two in a row": WHOLE + WHOLE,
    "an empty one after it": WHOLE + gzip.compress(b""),
    "something after it": WHOLE + b"x",
    "zeros after it": WHOLE + bytes(512),
    "wrong checksum": WHOLE[:-8] + bytes(4) + WHOLE[-4:],
    "wrong length": WHOLE[:-4] + b"\1\2\3\4",
    "as age, and is not": b"age-encryption.org/v1\n" + WHOLE,
    "not UTF-8": GOOD.but(header={"version": "?"}).packed().replace(b"?", b"\xff"),
    "latin name": gzip.compress(TAR.replace(META.encode(), META.encode()[:-1] + b"\xe4")),
}  # fmt: skip


def refused(project: Project, folder: Path, data: bytes) -> str:
    """The sentence; nothing may have changed anywhere."""
    snapshot = folder / "snapshot"
    snapshot.write_bytes(data)
    before = read_tree(folder)
    with pytest.raises(SnapshotError) as raised:
        take(project.person(), snapshot, passphrase=lambda: "wrong", force=True)
    assert read_tree(folder) == before
    said = str(raised.value)
    assert said.endswith(".")
    assert "\0" not in said
    assert len(said) < 400
    return said


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "a" / "b").mkdir(parents=True)
    return Project(tmp_path / "a" / "b")


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_one_is_refused(what: str, project: Project, tmp_path: Path) -> None:
    refused(project, tmp_path, FORGED[what].packed())


@pytest.mark.parametrize("what", RAW)
def test_what_is_no_snapshot_is_refused(what: str, project: Project, tmp_path: Path) -> None:
    refused(project, tmp_path, RAW[what])


def test_the_future_is_told_from_damage(project: Project, tmp_path: Path) -> None:
    assert "Update orchestrator-mcp" in refused(project, tmp_path, FORGED["future format"].packed())


@pytest.mark.parametrize("work", [21, 22, 63, 999_999_999])
def test_a_passphrase_costs_no_more_memory_than_ours(work: int, project: Project, tmp_path: Path) -> None:
    pytest.importorskip("pyrage")
    costly = b"age-encryption.org/v1\n-> scrypt D24RxVV+bz650sUo2pGANQ %d\n" % work + bytes(200)
    assert "asks for more memory" in refused(project, tmp_path, costly)


SEED = 7
SHARES = [0.08, pytest.param(1.0, marks=pytest.mark.campaign)]


def sample(positions: Iterable[int], share: float) -> list[int]:
    """Some of them, always the same, the first and the last among them."""
    given = list(positions)
    chosen = random.Random(SEED).sample(given, round(len(given) * share))
    return sorted({given[0], given[-1], *chosen})


@pytest.mark.parametrize("share", SHARES)
def test_one_that_ends_early_is_refused_wherever_it_ends(share: float, project: Project, tmp_path: Path) -> None:
    project.person().store()
    for end in range(0, len(TAR), 512):
        refused(project, tmp_path, gzip.compress(TAR[:end]))
    for end in sample(range(len(WHOLE)), share):
        refused(project, tmp_path, WHOLE[:end])


@pytest.mark.parametrize("share", SHARES)
def test_no_flipped_bit_is_taken_for_the_snapshot(share: float, project: Project, tmp_path: Path) -> None:
    """What the manifest says of itself, such as a version, gzip's checksum protects; few bits of gzip mean nothing."""
    project.person().store()
    first = TAR.index(b'{"path"')
    for at in sample((*range(512), *range(first, len(TAR))), share):
        wrong = bytearray(TAR)
        wrong[at] ^= 1 << at % 8
        refused(project, tmp_path, gzip.compress(bytes(wrong), 1))
    harmless = 0
    for at in sample(range(len(WHOLE)), share):
        data = WHOLE[:at] + bytes([WHOLE[at] ^ 1 << at % 8]) + WHOLE[at + 1 :]
        if unpacked(data) == TAR:
            harmless += 1
        else:
            refused(project, tmp_path, data)
    assert harmless < 10


def unpacked(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def pax_bomb() -> bytes:
    """A header of extensions that unpacks to 300 MB."""
    squeeze, size = zlib.compressobj(6, wbits=31), 300 << 20
    out = [squeeze.compress(plain("x", tarfile.XHDTYPE).replace(b"00000000000\0", b"%011o\0" % size, 1))]
    out += [squeeze.compress(b"a" * (1 << 20)) for _ in range(300)]
    return b"".join([*out, squeeze.flush()])


def zeros(megabytes: int, header: bytes = b"") -> bytes:
    squeeze = zlib.compressobj(6, wbits=31)
    out = [squeeze.compress(header), *(squeeze.compress(bytes(1 << 20)) for _ in range(megabytes))]
    return b"".join([*out, squeeze.flush()])


def honest_bomb() -> bytes:
    """Every hash and size is right; it is half a gigabyte of zeros."""
    digest, size = hashlib.sha256(), 512 << 20
    for _ in range(512):
        digest.update(bytes(1 << 20))
    forged = Forged({LOG: b""}, {"bytes": size}, lambda line: line | {"size": size, "sha256": digest.hexdigest()})
    start = tar_header("manifest.jsonl", len(forged.manifest())) + block(forged.manifest()) + tar_header(LOG, size)
    return zeros(512, start)


def empty_files(count: int) -> bytes:
    """As many empty files as there is room for, in a manifest that is true."""
    line = json.dumps({"path": f"{PLACE}/%07d", "size": 0, "sha256": hashlib.sha256().hexdigest(), "mtime": 0})
    manifest = GOOD.but(files={}, header={"files": count}).manifest()
    manifest += b"".join(line.replace("%07d", f"{number:07d}").encode() + b"\n" for number in range(count))
    members = b"".join(tar_header(f"{PLACE}/{number:07d}", 0, 0) for number in range(min(count, 1000)))
    return gzip.compress(tar_header("manifest.jsonl", len(manifest)) + block(manifest) + members)


def one_line(inside: bytes) -> bytes:
    manifest = b"[" + inside * ((31 << 20) // len(inside))
    return gzip.compress(tar_header("manifest.jsonl", len(manifest)) + block(manifest))


BOMBS: dict[str, Callable[[], bytes]] = {
    "extensions": pax_bomb,
    "a gigabyte of zeros": lambda: zeros(1024),
    "manifest of zeros": lambda: zeros(64, tar_header("manifest.jsonl", 31 << 20)),
    "honest zeros": honest_bomb,
    "a million empty files": lambda: empty_files(1_000_000),
    "as many as there may be": lambda: empty_files(MOST_FILES),
    "one long line of numbers": lambda: one_line(b"0,"),
    "one long line of brackets": lambda: one_line(b"["),
    "nothing but newlines": lambda: one_line(b"\n"),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_does_not_go_off(what: str, project: Project, tmp_path: Path, figure: Callable[[str], None]) -> None:
    (tmp_path / "snapshot").write_bytes(BOMBS[what]())
    before = read_tree(tmp_path)
    command = [sys.executable, str(TAKE_IN), str(project.root), str(tmp_path / "snapshot")]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    result = json.loads(done.stdout)
    assert result["said"].startswith("SnapshotError: ")
    assert result["kilobytes"] < MOST_MEMORY
    assert read_tree(tmp_path) == before
    figure(
        f"bomb: {what}: {len(before['snapshot'][3]):,} bytes, refused within {result['kilobytes'] // 1000} MB of memory"
    )


def test_a_link_in_the_store_is_not_followed(project: Project, tmp_path: Path) -> None:
    store = project.root / ".orchestrator"
    project.person().store()
    (tmp_path / "outside").mkdir()
    (store / "sessions").symlink_to(tmp_path / "outside")
    (tmp_path / "snapshot").write_bytes(GOOD.packed())
    with pytest.raises(Exception, match="symbolic link"):
        take(project.person(), tmp_path / "snapshot", force=True)
    assert not list((tmp_path / "outside").iterdir())


def test_a_pending_import_that_came_with_a_clone_reaches_nothing_outside(project: Project, tmp_path: Path) -> None:
    """Whoever prepared the folder may have laid links, and names of their own, for the recovery to follow."""
    project.person().store()
    store = project.root / ".orchestrator"
    (store / "sessions" / SESSION).mkdir(parents=True)
    (store / META).write_bytes(b"{}")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    for number, bad in enumerate(("../../../precious/file", "secrets/redaction.key", "lock", "meta.json")):
        folder = store / "migration_backup" / f"import-{number}"
        (folder / "incoming").mkdir(parents=True)
        (folder / "pending.json").write_text(
            json.dumps({"version": "1", "created_at": "2026-11-21T10:13:06Z", "removed": [bad]})
        )
    linked = store / "migration_backup" / "import-9"
    (linked / "incoming" / "sessions" / SESSION).mkdir(parents=True)
    (linked / "incoming" / META).write_text('{"theirs":1}')
    (linked / "replaced").symlink_to(precious)
    (linked / "pending.json").write_text(json.dumps({"version": "1", "created_at": "2026-11-21T10:13:06Z"}))
    before = read_tree(store / "sessions"), (store / "meta.json").read_bytes()
    project.person().store()
    assert (read_tree(store / "sessions"), (store / "meta.json").read_bytes()) == before
    assert (store / "secrets").is_dir()
    assert (store / "lock").is_file()
    assert [path.name for path in precious.iterdir()] == ["file"]
