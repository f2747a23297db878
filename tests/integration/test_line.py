"""The whole line on hand-made files: what arrives, what is rejected, what may leave."""


def test_prepared(warehouse):
    assert warehouse.rows("select count(*) from core.measure") == [(10,)]
