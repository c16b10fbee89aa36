"""Names that people use for a compound are public: they are names of places, and what is searched for

Revision: 0007, after 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COMPOUND = "SELECT id, compound_code, name, kind, community_code, geometry{more} FROM wangge.compound"


def upgrade() -> None:
    # A view takes new columns at its end alone; its trigger stays.
    op.execute(f"CREATE OR REPLACE VIEW public_layers.compound AS {COMPOUND.format(more=', aliases')}")


def downgrade() -> None:
    op.execute("DROP VIEW public_layers.compound")
    op.execute(f"CREATE VIEW public_layers.compound AS {COMPOUND.format(more='')}")
    op.execute(
        "CREATE TRIGGER read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON public_layers.compound "
        "FOR EACH ROW EXECUTE FUNCTION wangge.refuse_writing()"
    )
