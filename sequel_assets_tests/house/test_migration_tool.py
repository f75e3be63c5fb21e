"""`python -m tools.migration`: what the models need and no migration has."""

import sqlalchemy as sa

from sequel_assets.warehouse.tables.core import metadata
from tools.migration import missing_operations


def test_nothing_is_missing_where_models_and_migrations_agree() -> None:
    assert "op." not in missing_operations()


def test_a_new_table_is_drafted_and_nothing_else() -> None:
    """With its columns, its comment and the names of its constraints."""
    models = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(models)
    sa.Table("brand_new", models, sa.Column("id", sa.Text, primary_key=True), comment="one more")
    drafted = missing_operations(models)
    assert drafted.count("op.") == 2
    assert "op.create_table('brand_new'" in drafted
    assert "pk_brand_new" in drafted
    assert "comment='one more'" in drafted
