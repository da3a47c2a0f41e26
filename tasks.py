"""The counter: `invoke TASK`. It is parsed in `scripts/tasks/`, and done in `scripts/workflows/`.

Nothing heavy is imported here: `invoke --list` must stay as quick as bare Invoke.
"""

from invoke.collection import Collection

from scripts.tasks import (
    backup,
    branches,
    db,
    env,
    line,
    lock,
    own,
    quality,
    release,
    sandbox,
    setup,
    watch,
)

namespace = Collection(
    release.deploy, release.promote, release.rollback, release.resume, release.drill,
    watch.status, watch.history,
    branches.hotfix, branches.backmerge,
    quality.approve, quality.test_e2e, quality.load_test,
    line.freeze, line.unfreeze, line.release_hold,
    own.demo, own.test, own.check,
    setup.doctor, setup.init,
    backup.collection, db.collection, lock.collection, sandbox.collection, env.collection,
)  # fmt: skip
