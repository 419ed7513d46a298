"""Rows of the suite ``detection``: the whole chain, its parts, and what a user would pick instead."""

from __future__ import annotations

from types import MappingProxyType

from bench.rows import Agreement, Growth, Row, Suite, Work

OURS = Work("ours", "bench.works.chain:detect")
FLOOR = Work("floor", "bench.works.chain:read_write")
FOUND = MappingProxyType({"planted_found": 0.95})

CHAIN_ROWS = tuple(
    Row(
        f"R1-{compression}",
        f"Whole chain against reading both files and writing one byte a pixel, {title}",
        (FLOOR, OURS),
        compression=compression,
        least=FOUND,
    )
    for compression, title in (("deflate", "DEFLATE"), ("zstd9", "ZSTD-9"), ("none", "uncompressed"))
)

PEER_ROWS = (
    Row(
        "R2",
        "Orfeo Toolbox MAD (one pass, nothing after it) against our whole chain",
        (
            OURS,
            Work(
                "orfeo",
                "bench.peers.orfeo:mad",
                needs=("program:otbcli_MultivariateAlterationDetector",),
                less_start=True,
            ),
        ),
    ),
    Row(
        "R3",
        "Plain numpy, scipy and rasterio script against our whole chain",
        (OURS, Work("script", "bench.peers.scripts:chain")),
        most_side_px=6000,
    ),
    Row(
        "R4",
        "rasterio's sieve and shapes against our vectoriser",
        (
            Work("ours", "bench.works.outlining:runs_traced"),
            Work("gdal", "bench.works.outlining:sieve_and_shapes"),
        ),
        agreements=(Agreement("polygons", ("ours", "gdal")),),
        least=MappingProxyType({"valid_share": 1.0}),
    ),
    Row(
        "R5",
        "IR-MAD fitted on all pixels against fitted on a sample",
        (
            Work("sample", "bench.works.fits:irmad_on_sample"),
            Work("all", "bench.works.fits:irmad_on_all"),
        ),
        most_side_px=2048,
        agreements=(Agreement("correlations", ("sample", "all"), 1e-3),),
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
            most_side_px=2448,
        )
        for compression, title in (("zstd9", "ZSTD-9"), ("none", "uncompressed"))
    ),
    Row(
        "irmad-script",
        "Textbook IR-MAD on every pixel against streamed IR-MAD, six bands",
        (STREAMED, Work("script", "bench.peers.scripts:irmad")),
        bands=6,
        most_side_px=2048,
    ),
    Row(
        "change-vector",
        "Textbook change vector and Otsu against ours, arrays in memory",
        (
            Work("ours", "bench.works.scores:change_vector"),
            Work("script", "bench.peers.scripts:change_vector", {"otsu": "histogram"}),
            Work("scanning", "bench.peers.scripts:change_vector", {"otsu": "scanning"}, is_warmed=False),
        ),
        most_side_px=2048,
    ),
    Row(
        "sar",
        "Textbook log-ratio and Otsu against ours, arrays in memory",
        (
            Work("ours", "bench.works.scores:sar_log_ratio"),
            Work("script", "bench.peers.scripts:sar_log_ratio", {"otsu": "histogram"}),
            Work("scanning", "bench.peers.scripts:sar_log_ratio", {"otsu": "scanning"}, is_warmed=False),
        ),
        most_side_px=2048,
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

PARALLEL_ROWS = tuple(
    Row(
        f"P-{mode}",
        f"Whole chain on one core against two {mode} (wall clock)",
        (
            Work("one", "bench.works.chain:detect"),
            Work("two", "bench.works.chain:detect", {"workers": 2, "mode": mode}),
        ),
        agreements=(Agreement("raster", ("one", "two")),),
    )
    for mode in ("threads", "processes")
)

GROWTHS = (
    Growth("growth-chain", "Whole chain in pixels", OURS),
    Growth("growth-outlines", "Vectoriser in pixels", Work("ours", "bench.works.outlining:runs_traced")),
)

SUITE = Suite(
    "detection",
    (*CHAIN_ROWS, *PEER_ROWS, *PART_ROWS, NETWORK_ROW, *PARALLEL_ROWS),
    GROWTHS,
    MappingProxyType(
        {
            "pca-k-means": "not a detector of this product",
            "memory at 1 Gpx": "flat growth is measured instead",
        }
    ),
)
