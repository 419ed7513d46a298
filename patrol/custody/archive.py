"""The archive itself: a zip whose bytes follow from its content, its sums and signature, how to verify it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from foundation.signing import InstallationKey

Content = bytes | Path
"""Bytes, or a file that holds them."""
EPOCH = (1980, 1, 1, 0, 0, 0)
SUMS, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.sig", "signing-key.pem"
COMMANDS = (f"sha256sum -c {SUMS}", f"openssl dgst -sha256 -verify {KEY} -signature {SIGNATURE} {SUMS}")
"""The two commands that verify a bundle; nothing else is needed."""
CHUNK = 1 << 20
STORED_SUFFIXES = (".jpg", ".png", ".webp", ".mp4", ".mov", ".m4a", ".mp3", ".pdf", ".docx")
"""Packed already: stored as they are."""
VERIFY_SH = r"""#!/bin/sh
# Verifies this bundle with sha256sum and openssl alone. Run it inside the unpacked folder: sh verify.sh
set -u
LC_ALL=C
export LC_ALL
fail() { printf '✗ %s\n' "$1"; exit 1; }
hash_of() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }
tab=$(printf '\t')

openssl dgst -sha256 -verify signing-key.pem -signature SHA256SUMS.sig SHA256SUMS >/dev/null 2>&1 ||
  fail '签名不符：SHA256SUMS 被改动，或公钥不是签发单位的 / the signature does not fit'
printf '✓ 签名相符 / signature fits\n'
sha256sum --strict --quiet -c SHA256SUMS || fail '文件校验不符 / a file does not have its sum'
there=$(find . -type f | grep -c .)
named=$(grep -c . SHA256SUMS)
[ "$there" -eq $((named + 2)) ] || fail '有多出或缺少的文件 / files were added or are missing'
printf '✓ %s 个文件相符 / files fit\n' "$named"

next=
last=
links=0
while IFS="$tab" read -r seq digest before hash; do
  [ "$(hash_of "{\"entry\":\"$digest\",\"prev_hash\":\"$before\",\"seq\":$seq}")" = "$hash" ] ||
    fail "审计链第 $seq 条不符 / audit link $seq does not fit"
  if [ "$seq" = "$next" ] && [ "$before" != "$last" ]; then
    fail "审计链第 $seq 条接不上 / audit link $seq does not continue the one before"
  fi
  next=$((seq + 1))
  last=$hash
  links=$((links + 1))
done <audit/links.txt
entries=0
while IFS="$tab" read -r seq entry; do
  grep -q "^$seq$tab$(hash_of "$entry")$tab" audit/links.txt ||
    fail "审计记录第 $seq 条与链不符 / audit entry $seq is not the one in the chain"
  entries=$((entries + 1))
done <audit/entries.txt
while IFS="$tab" read -r seq hash at; do
  grep -q "^$seq$tab[0-9a-f]*$tab[0-9a-f]*$tab$hash\$" audit/links.txt ||
    fail "链头第 $seq 条与链不符 / head $seq is not in the chain"
done <audit/heads.txt
printf '✓ 审计链 %s 条记录、%s 个链节相符 / audit entries and links fit\n' "$entries" "$links"
printf '公钥指纹 / key fingerprint  %s\n' "$(sha256sum <signing-key.pem | cut -d' ' -f1)"
"""


def seal(files: Mapping[str, Content], key: InstallationKey) -> dict[str, Content]:
    """The files with their sums, the signature over the sums, the public key, and how to verify it all.

    Returns
    -------
    dict
        Path inside the archive -> content.
    """
    whole = {**files, "verify.sh": VERIFY_SH.encode(), KEY: key.public_pem}
    whole["说明.txt"] = explanation(key.fingerprint).encode()
    lines = [f"{sha256_of(whole[name])}  {name}\n" for name in sorted(whole)]
    sums = "".join(lines).encode()
    return whole | {SUMS: sums, SIGNATURE: key.sign(sums)}


def write_zip(files: Mapping[str, Content], out: IO[bytes]) -> None:
    """Write an archive; the same files give the same bytes, whatever the hour."""
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            is_packed = name.endswith(STORED_SUFFIXES)
            info.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
            _write_member(archive, info, files[name])


def sha256_of(content: Content) -> str:
    """SHA-256 in hex."""
    digest = hashlib.sha256()
    for chunk in _chunks(content):
        digest.update(chunk)
    return digest.hexdigest()


def size_of(content: Content) -> int:
    """Bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def explanation(fingerprint: str) -> str:
    """What the archive holds and how anyone verifies it."""
    return f"""案件证据包说明

一、验证方法
在任何装有 sha256sum 和 openssl 的电脑上解压，进入文件夹，运行以下两条命令：

    {COMMANDS[0]}
    {COMMANDS[1]}

第一条逐个核对文件（每行应显示“OK”或“成功”），第二条核对签名（应显示 Verified OK）。
也可运行 sh verify.sh：除上述两项外，还核对有无多出的文件，并逐条核对审计链。

签名所用公钥即 {KEY}，其指纹（该文件的 SHA-256）为
    {fingerprint}
请与签发单位通过其他途径公布的指纹核对；指纹一致，才能确认签发单位。

二、内容
summary.pdf              案件证据摘要
case.json                图斑、案件、判定结论、任务、核查记录
timeline.csv             案件办理过程
judgement/               内业判定的输入、结果、逐句说明和重演校验
chips/                   前后时相影像截图
evidence/                证据原件（照片保留原始 EXIF），清单见 evidence.csv
custody.csv, custody.json  保管链：采集、接收、封存、调阅、导出、打印、审核
track.geojson            巡查轨迹、核查位置、拍摄位置和视线范围（CGCS2000 经纬度）
map.html                 离线地图，断网可用
audit/                   与本案有关的审计记录（entries.txt）、链节（links.txt）和已外送链头（heads.txt）

三、审计链
links.txt 每行为：序号、记录摘要、上一条哈希、本条哈希；
本条哈希 = SHA-256({{"entry":"记录摘要","prev_hash":"上一条哈希","seq":序号}})，
记录摘要 = SHA-256(entries.txt 中该序号的记录)。其他案件的记录只列摘要，不列内容。
heads.txt 的链头每隔数分钟外送至另一处保存，并印在每期通报上，可据以核对。

Evidence bundle. Verify it with the two commands above, or with: sh verify.sh
"""


def _write_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: Content) -> None:
    info.file_size = size_of(content)
    with archive.open(info, "w") as member:
        for chunk in _chunks(content):
            member.write(chunk)


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
