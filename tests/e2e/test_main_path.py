"""The main path through real processes, over real HTTP, on both stores: ratings in, training, recommendations out."""

import os
import threading
from collections import defaultdict

import httpx

from tests.e2e.client import item_ids, post, recommendations, train, wait_for_version
from tests.processes import Foldin
from tests.tastes import batches, two_tastes

N_KILLS = int(os.environ.get("FOLDIN_TEST_KILLS", "2"))


def test_ratings_become_recommendations_of_the_users_own_taste(foldin: Foldin) -> None:
    with foldin.serve() as server, server.client() as client:
        ratings = two_tastes()
        assert post(client, ratings) == {"accepted": len(ratings), "created": len(ratings), "updated": 0, "ignored": 0}
        wait_for_version(client)
        for user in (0, 1):
            answer = recommendations(client, f"u{user}", n=3)
            assert answer["strategy"] == "personal"
            assert all(int(item_id[1:]) % 2 == user for item_id in item_ids(answer))
            rated = {rating["item_id"] for rating in ratings if rating["user_id"] == f"u{user}"}
            assert rated.isdisjoint(item_ids(recommendations(client, f"u{user}", n=1000)))
        similar = client.get("/items/i4/similar", params={"n": 5}).json()
        assert all(int(item_id[1:]) % 2 == 0 for item_id in item_ids(similar))


def test_a_rating_counts_in_the_next_answer_of_every_process(foldin: Foldin) -> None:
    with (
        foldin.serve() as one,
        foldin.serve("--no-trainer") as two,
        one.client() as first,
        two.client() as second,
    ):
        post(first, two_tastes())
        wait_for_version(first)
        wait_for_version(second)
        assert recommendations(second, "new")["strategy"] == "popular"
        post(first, {"user_id": "new", "item_id": "i4", "value": 5})
        liked = recommendations(second, "new", n=5)
        assert liked["strategy"] == "personal"
        assert all(int(item_id[1:]) % 2 == 0 for item_id in item_ids(liked))
        post(second, {"user_id": "new", "item_id": "i4", "value": 0.5})
        disliked = recommendations(first, "new", n=5)
        assert all(int(item_id[1:]) % 2 == 1 for item_id in item_ids(disliked))
        assert first.delete("/users/new/ratings/i4", headers={"content-type": "application/json"}).status_code == 204
        assert recommendations(second, "new")["strategy"] == "popular"


def test_twenty_trainings_are_swapped_in_under_load_without_a_failure_or_a_mixed_answer(foldin: Foldin) -> None:
    with foldin.serve() as server, server.client() as client:
        post(client, two_tastes())
        wait_for_version(client)
        answers: dict[int, set[bytes]] = defaultdict(set)
        failures: list[str] = []
        done = threading.Event()

        def ask() -> None:
            with server.client() as own:
                while not done.is_set():
                    response = own.get("/users/u3/recommendations", params={"n": 30, "exclude_rated": False})
                    if response.status_code == 200:
                        answers[response.json()["model_version"]].add(response.content)
                    else:
                        failures.append(response.text)

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        published = []
        for number in range(20):
            # somebody else's rating makes each version another one
            post(client, {"user_id": f"u{10 + number}", "item_id": "i1", "value": number % 5})
            run = train(client)
            assert run["status"] == "succeeded", run["reason"]
            published.append(wait_for_version(client, run["model_version"]))
        done.set()
        for asker in askers:
            asker.join()
        assert failures == []
        assert len(set(published)) == 20
        assert set(published[:-1]) <= answers.keys()
        # one user's unchanged ratings and one version have one answer: a mixture would be a second one
        assert [len(contents) for contents in answers.values()] == [1] * len(answers)
        assert len(set.union(*answers.values())) == len(answers)


def test_ratings_that_were_acknowledged_survive_a_kill(foldin: Foldin) -> None:
    acknowledged: dict[tuple[object, object], object] = {}
    sent = list(batches(two_tastes(n_users=200), 200))[:20]
    for number, batch in enumerate(sent[:N_KILLS]):
        with foldin.serve("--no-trainer") as server, server.client() as client:
            for rating in batch[:100]:
                post(client, rating)
                acknowledged[rating["user_id"], rating["item_id"]] = rating["value"]
            killer = threading.Timer(0.002 * number, server.process.kill)
            killer.start()
            try:
                post(client, batch[100:])
                acknowledged |= {(rating["user_id"], rating["item_id"]): rating["value"] for rating in batch[100:]}
            except httpx.TransportError:
                pass  # not acknowledged: it may or may not be there
            server.process.wait()
            killer.join()
    with foldin.serve("--no-trainer") as server, server.client() as client:
        users = {user_id for user_id, _ in acknowledged}
        stored = {
            (user_id, rating["item_id"]): rating["value"]
            for user_id in users
            for rating in client.get(f"/users/{user_id}/ratings", params={"n": 1000}).json()["items"]
        }
    assert acknowledged.items() <= stored.items()
