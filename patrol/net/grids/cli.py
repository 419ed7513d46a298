"""Commands of the grid: preview, make, import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import shapely
import typer

from foundation.crs import M2_PER_MU
from foundation.divisions import divisions
from foundation.errors import InvalidInput

if TYPE_CHECKING:
    from patrol.net.grids.service import GridPlan

grid_app = typer.Typer(help="监管网格：预览、生成、导入。The supervision grid: preview, make, import.")
Place = Annotated[str, typer.Argument(help="县、乡或村的 12 位区划代码 county, township or village")]
Target = Annotated[
    float | None,
    typer.Option(help="每格耕地山林目标面积（亩） watched land of a cell in mu"),
]


@grid_app.command("preview")
def preview(
    division: Place,
    target_mu: Target = None,
    out: Annotated[Path | None, typer.Option(help="另存 GeoJSON（CGCS2000） save the cells here")] = None,
) -> None:
    """按村界和地类试划网格，不改动现有网格。Cut cells and say what would change; nothing is stored."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.net.grids import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        plan = service.preview_grid(session, runtime.system, division, target_mu=target_mu)
    _tell(plan)
    if out is not None:
        _write(plan, out)
        typer.echo(f"{out}")
    typer.echo(f"确认后执行 to confirm: landwarden patrol grid make {division} --token {plan.token[:16]}")


@grid_app.command("make")
def make(
    division: Place,
    target_mu: Target = None,
    token: Annotated[
        str | None, typer.Option(help="预览给出的确认码；结果不同即不执行 refuse if it would differ")
    ] = None,
) -> None:
    """生成网格并替换现有网格；原网格留作历史。Cut cells and replace those in force, which stay as history."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.net.grids import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        plan, edition = service.make_grid(
            session, runtime.system, division, now=runtime.clock(), target_mu=target_mu, token=token
        )
    _tell(plan)
    typer.echo(f"已生成 {edition.cell_count} 个网格，即日起执行。")


@grid_app.command("import")
def import_(
    county: Annotated[str, typer.Argument(help="县级 6 位代码 six digits of the county")],
    preview_only: Annotated[bool, typer.Option("--preview", help="只看变化 look only")] = False,
) -> None:
    """采用该县现行的监管网格图层。Take over the county's grid layer in force."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.net.grids import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        plan = service.preview_layer(session, runtime.system, county)
        if plan is None:
            raise InvalidInput("patrol.grid.no_layer", county=county)
        _tell(plan)
        if not preview_only:
            count = service.import_grid(session, runtime.system, now=runtime.clock(), county_code=county)
            typer.echo(f"网格 {count} 个。")


def _tell(plan: GridPlan) -> None:
    report = plan.report
    typer.echo(
        f"{divisions().get(plan.division_code).name}：{report['villages']} 个村，{report['cells']} 个网格；"
        f"不变 {report['kept']}，调整 {report['changed']}，新增 {report['added']}，"
        f"撤销 {len(report['retired'])}。"
    )
    if "watched_m2" in report:
        size = {key: value / M2_PER_MU for key, value in report["watched_m2"].items()}
        typer.echo(
            f"耕地 {report['field_m2'] / M2_PER_MU:,.0f} 亩，"
            f"山林 {report['mountain_m2'] / M2_PER_MU:,.0f} 亩；"
            f"每格 {size['smallest']:,.0f}–{size['largest']:,.0f} 亩，中位 {size['median']:,.0f} 亩，"
            f"{report['within_limits']} 格在目标范围内。"
        )
        if not report["is_surveyed"]:
            typer.echo("没有现行的地类图斑，按总面积划分。No land survey is in force: cut by area.")
    for key, said in (
        ("overlap_m2", "村界重叠，归代码在前的村"),
        ("gap_m2", "村界间缝隙，归相邻村"),
        ("stray_m2", "村界以外的耕地山林，归最近的村"),
        ("lost_m2", "离各村过远、未入网格的耕地山林"),
    ):
        if area_m2 := report.get("mended", {}).get(key):
            typer.echo(f"! {said}：{area_m2 / M2_PER_MU:,.2f} 亩")
    for row in report.get("without_outline", []):
        typer.echo(f"! 没有村界：{row['name']} {row['code']}")
    for code in report.get("without_village", []):
        typer.echo(f"! 网格不在任何村界内，未采用：{code}")


def _write(plan: GridPlan, path: Path) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {
                "code": cell.code,
                "name": cell.name,
                "division_code": cell.division_code,
                "area_m2": round(cell.area_m2, 1),
                "field_m2": cell.field_m2 and round(cell.field_m2, 1),
                "mountain_m2": cell.mountain_m2 and round(cell.mountain_m2, 1),
            },
            "geometry": json.loads(shapely.to_geojson(cell.geometry)),
        }
        for cell in plan.cells
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=str(path), reason=error.strerror or "") from error
