"""The counter: `invoke TASK`. It is parsed in `scripts/tasks/`, and done in `scripts/workflows/`.

Nothing heavy is imported here: `invoke --list` must stay as quick as bare Invoke.
"""

from invoke.collection import Collection

from scripts.tasks import backup, db, env, lock, quality, release, sandbox, setup

namespace = Collection(
    release.deploy, release.promote, release.rollback, release.resume, release.drill,
    release.status, release.history,
    release.hotfix, release.backmerge,
    quality.approve, quality.test_e2e, quality.load_test,
    release.freeze, release.unfreeze, release.release_hold,
    setup.demo, setup.test, setup.check,
    setup.doctor, setup.init,
    backup.collection, db.collection, lock.collection, sandbox.collection, env.collection,
)  # fmt: skip
