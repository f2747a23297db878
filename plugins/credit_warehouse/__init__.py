"""Credit data integration warehouse for public credit centres (公共信用中心数据仓库)."""

__version__ = "0.1.0"
