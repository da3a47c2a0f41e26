"""The collection: `invoke TASK`. Each task is declared in `scripts/tasks/`, with its options in a request.

Nothing heavy is imported here: `invoke --list` must stay as quick as bare Invoke.
"""

import scripts.tasks  # isort: skip - first: it says in a sentence what this Python lacks
from pathlib import Path

from invoke.collection import Collection

from scripts.tasks import (
    backup,
    command_line,
    db,
    env,
    github,
    monitor,
    preview,
    quality,
    release,
    replit,
    setup,
)

namespace = Collection(
    release.deploy, release.promote, release.rollback, release.resume, release.hotfix, release.backmerge,
    release.drill, release.status, release.history, release.freeze, release.unfreeze, release.release_hold,
    monitor.open_environment, quality.approve, quality.test_app, quality.test_e2e, quality.load_test,
    setup.doctor, setup.init, setup.upgrade, setup.test, setup.check,
    backup.collection, db.collection, release.lock, release.ledger, env.collection, env.config,
    monitor.collection, preview.collection, replit.collection, github.collection,
)  # fmt: skip
if (Path(__file__).parent / "scripts" / "sandbox").is_dir():  # a copy in an app has none
    from scripts.tasks import sandbox

    namespace.add_task(sandbox.demo)
    namespace.add_collection(sandbox.collection)
if (Path(__file__).parent / "tests" / "bench").is_dir():  # nor the desk's own benches
    namespace.add_task(setup.bench)
command_line.install()
if __name__ == "__main__":
    scripts.tasks.interpreter.not_a_program()
