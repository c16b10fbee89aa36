"""One family of errors, one JSON shape, and every error says what to do where there is something to do."""

from __future__ import annotations

from gis import errors


def test_the_shape_is_the_same_for_all() -> None:
    error = errors.InputError("it is empty", where="a.csv", mend="give rows", details={"rows": 0})
    assert error.as_dict() == {
        "error": {
            "code": "bad_input",
            "message": "it is empty",
            "where": "a.csv",
            "mend": "give rows",
            "details": {"rows": 0},
        }
    }
    assert str(error) == "a.csv: it is empty — give rows"
    assert errors.NotFoundError("no such grid").as_dict() == {
        "error": {"code": "not_found", "message": "no such grid"}
    }


def test_every_kind_has_its_own_code() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.WanggeError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 600 for kind in kinds)


def test_waiting_times_travel_along() -> None:
    assert errors.UnavailableError("away").retry_after_s == 5
    assert errors.TooManyError("slow down", retry_after_s=9, where="POST").where == "POST"
