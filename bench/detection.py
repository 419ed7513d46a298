"""Rows of the suite ``detection``: the whole chain, its parts, and what a user would pick instead."""

from __future__ import annotations

from types import MappingProxyType

from bench.rows import Agreement, Growth, Row, Suite, Work

OURS = Work("ours", "bench.works.chain:detect")
FLOOR = Work("floor", "bench.works.chain:read_write")
FOUND = MappingProxyType({"planted_found": 0.95})

CHAIN_TITLE = (
    "Whole chain (SHA-256 of the files known) against reading both files and writing one byte a pixel"
)

CHAIN_ROWS = (
    Row("chain-deflate", f"{CHAIN_TITLE}, DEFLATE", (FLOOR, OURS), compression="deflate", least=FOUND),
    Row("chain-none", f"{CHAIN_TITLE}, uncompressed", (FLOOR, OURS), compression="none", least=FOUND),
    Row(
        "chain-zstd9",
        f"{CHAIN_TITLE}, ZSTD-9; Orfeo's MAD alone; a plain script",
        (
            FLOOR,
            OURS,
            Work(
                "orfeo",
                "bench.peers.orfeo:mad",
                needs=("program:otbcli_MultivariateAlterationDetector",),
                less_start=True,
            ),
            Work("script", "bench.peers.scripts:chain", is_warmed=False),
        ),
        least=FOUND,
    ),
)

PEER_ROWS = (
    Row(
        "outlines",
        "rasterio's sieve and shapes against our vectoriser",
        (
            Work("ours", "bench.works.outlining:runs_traced"),
            Work("gdal", "bench.works.outlining:sieve_and_shapes"),
        ),
        agreements=(Agreement("polygons", ("ours", "gdal")),),
        least=MappingProxyType({"valid_share": 1.0}),
    ),
    Row(
        "irmad-sample",
        "IR-MAD fitted on all pixels against fitted on a sample",
        (
            Work("sample", "bench.works.fits:irmad_on_sample"),
            Work("all", "bench.works.fits:irmad_on_all", is_warmed=False),
        ),
        most_side_px=2048,
    ),
)

STREAMED = Work("ours", "bench.works.fits:irmad_streamed")
PART_ROWS = (
    *(
        Row(
            f"irmad-{compression}",
            f"Streamed IR-MAD (fit, apply, write) against reading and writing, six bands, {title}",
            (FLOOR, STREAMED),
            compression=compression,
            bands=6,
            most_side_px=3464,
        )
        for compression, title in (("zstd9", "ZSTD-9"), ("none", "uncompressed"))
    ),
    Row(
        "irmad-script",
        "Textbook IR-MAD on every pixel against streamed IR-MAD, six bands",
        (STREAMED, Work("script", "bench.peers.scripts:irmad", is_warmed=False)),
        bands=6,
        most_side_px=1448,
    ),
    Row(
        "change-vector",
        "Textbook change vector and Otsu against ours, arrays in memory",
        (
            Work("ours", "bench.works.scores:change_vector"),
            Work("script", "bench.peers.scripts:change_vector", {"otsu": "histogram"}),
            Work("scanning", "bench.peers.scripts:change_vector", {"otsu": "scanning"}, is_warmed=False),
        ),
        most_side_px=1448,
    ),
    Row(
        "sar",
        "Textbook log-ratio and Otsu against ours, arrays in memory",
        (
            Work("ours", "bench.works.scores:sar_log_ratio"),
            Work("script", "bench.peers.scripts:sar_log_ratio", {"otsu": "histogram"}),
            Work("scanning", "bench.peers.scripts:sar_log_ratio", {"otsu": "scanning"}, is_warmed=False),
        ),
        most_side_px=1448,
    ),
    Row(
        "monitor",
        "Harmonic monitor, 70 dates",
        (Work("ours", "bench.works.monitoring:monitored"),),
        most_side_px=512,
        least=MappingProxyType({"found": 0.9}),
    ),
    Row(
        "registration",
        "Registration of 1.2 Mpx against one phase correlation of the whole picture",
        (
            Work("ours", "bench.works.registering:registered"),
            Work("one-correlation", "bench.works.registering:one_correlation"),
        ),
        side_px=1095,
        least=MappingProxyType({"inlier_share": 0.2}),
    ),
)

NETWORK_ROW = Row(
    "network",
    "Siamese net by ONNX Runtime, against torch",
    (
        Work("ours", "bench.works.network:by_onnx", needs=("file:data/models/siamese.onnx",)),
        Work("torch", "bench.works.network:by_torch", needs=("package:torch",)),
    ),
    side_px=1024,
)

PARALLEL_ROW = Row(
    "cores",
    "Whole chain on one core against two threads and two processes (wall clock)",
    (
        Work("one", "bench.works.chain:detect"),
        Work("threads", "bench.works.chain:detect", {"workers": 2}),
        Work(
            "processes",
            "bench.works.chain:detect",
            {"workers": 2, "mode": "processes"},
            is_warmed=False,  # the server that workers are forked from belongs to the process that started it
        ),
    ),
    agreements=(Agreement("raster", ("one", "threads")), Agreement("raster", ("one", "processes"))),
)

GROWTHS = (
    Growth("growth-chain", "Whole chain in pixels", OURS),
    Growth("growth-outlines", "Vectoriser in pixels", Work("ours", "bench.works.outlining:runs_traced")),
)

SUITE = Suite(
    "detection",
    (*CHAIN_ROWS, *PEER_ROWS, *PART_ROWS, NETWORK_ROW, PARALLEL_ROW),
    GROWTHS,
    MappingProxyType(
        {
            "pca-k-means": "not a detector of this product",
            "memory at 1 Gpx": "too large for every run. Once, by hand, 1,008 Mpx of 4 bands, uncompressed: "
            "833 MiB at the peak, GDAL's cache of 256 MiB included; 59,651 objects, 78 CPU s",
        }
    ),
)
