"""Which model versions stay and which go."""

from app.storage import leases, versions
from app.storage.engine import Store


def test_a_version_stays_while_cursors_may_name_it(database_url):
    store = Store(database_url)
    with store.write() as connection:
        lease = leases.take_lease(connection, "test", now=0, seconds=60)
        assert lease
        for now in (100, 200, 300, 400):
            version = versions.add_version(connection, lease, training_run_id=1, description={}, now=now)
            versions.activate_version(connection, version, now=now)
        assert versions.forget_versions(connection, keep=1, retired_before=200) == []
        assert versions.forget_versions(connection, keep=3, retired_before=400) == [1]
        assert versions.forget_versions(connection, keep=1, retired_before=400) == [2]
        assert [kept.version for kept in versions.list_versions(connection)] == [4, 3]
    store.close()


def test_a_version_that_is_served_again_is_not_retired(database_url):
    store = Store(database_url)
    with store.write() as connection:
        lease = leases.take_lease(connection, "test", now=0, seconds=60)
        assert lease
        for now in (100, 200):
            version = versions.add_version(connection, lease, training_run_id=1, description={}, now=now)
            versions.activate_version(connection, version, now=now)
        versions.activate_version(connection, 1, now=300)
        assert [kept.retired_at for kept in versions.list_versions(connection)] == [300, None]
    store.close()
