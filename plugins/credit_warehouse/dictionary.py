"""The data dictionary, rendered from the declarations and the model files: there is no second place to keep in step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from credit_warehouse.declarations import load_sources
from credit_warehouse.transform import dbt_project


def render() -> str:
    """Markdown: every raw table and every documented model with its columns."""
    return "\n".join([*_raw(), *_models()]) + "\n"


def _raw() -> Iterator[str]:
    for source in load_sources():
        yield f"## raw.{source.name}\n\n{source.label}：{source.description}"
        yield f"（{source.publisher}；{source.legal_basis}）\n"
        yield "| 列 column | 名称 label | 个人信息 PII | 必有 required |\n|---|---|---|---|"
        for column in source.columns:
            yield f"| `{column.name}` | {column.label} | {column.pii} | {'是' if column.required else '否'} |"
        yield ""


def _models() -> Iterator[str]:
    for path in sorted(dbt_project().glob("models/*/_*.yml")):
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for model in document.get("models", []):
            yield f"## {path.parent.name}.{model['name']}\n\n{model['description']}\n"
            typed = [column for column in model.get("columns", []) if "description" in column]
            if typed:
                yield "| 列 column | 类型 type | 说明 meaning |\n|---|---|---|"
            for column in typed:
                yield f"| `{column['name']}` | {column.get('data_type', '')} | {column['description']} |"
            yield ""
