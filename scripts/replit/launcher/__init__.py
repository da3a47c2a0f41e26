"""The launcher: runs inside a Replit app, without the desk, and makes it follow the wanted commit.

`scripts/replit/launcher_bundle.py` makes one file of these modules: no top-level name may occur twice.
They need Python 3.10 and git; each imports only those before it:

    config       launcher.json and the environment
    files        the state folder: atomic writes, the log, what is free on the disk
    child        processes: their group, their limits, the last words they said
    remote       what the git remote wants, and fetching it
    scan         does a built folder hold a secret?
    site         a static site: which answer a request gets
    prepare      a commit becomes a folder that can be started
    instance     a started release: its private socket, its health, when it may accept
    status       `/-/release`
    switch       which release has the port, and the moment of the change
    follower     what is to be live, and the way there
    visit        one connection of a static site's visitor
    site_server  a static site's bytes on the socket
    proxy        an app with a port of its own
    supervisor   holds the port, and starts the follower again when it dies
"""
