"""``python -m tests.schemas``: writes every published schema anew."""

from tests.schemas import gameday_plan
from tests.schemas.make import PUBLISHED, path_of, schema_text

for name in PUBLISHED:
    path_of(name).parent.mkdir(exist_ok=True)
    path_of(name).write_text(schema_text(name), encoding="utf-8")
gameday_plan.PATH.write_text(gameday_plan.schema_text(), encoding="utf-8")
