"""The collection: `invoke TASK`. Each task is declared in `scripts/tasks/`, with its options in a request.

Nothing heavy is imported here: `invoke --list` must stay as quick as bare Invoke.
"""

from invoke.collection import Collection

from scripts.tasks import backup, db, env, quality, release, sandbox, setup

namespace = Collection(
    release.deploy, release.promote, release.rollback, release.resume, release.hotfix, release.backmerge,
    release.drill, release.status, release.history, release.freeze, release.unfreeze, release.release_hold,
    quality.approve, quality.test_e2e, quality.load_test,
    setup.doctor, setup.init, setup.test, setup.check, sandbox.demo,
    backup.collection, db.collection, release.lock, release.ledger, sandbox.collection, env.collection,
)  # fmt: skip
