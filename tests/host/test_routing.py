"""Route templates and the order in which functions are tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.host.errors import FunctionInError
from localcloud.host.routing import RouteTable, make_route, split_path
from localcloud.host.templates import parse_template
from localcloud.host.triggers import HttpTrigger


def values(template: str, path: str) -> dict[str, str] | None:
    return parse_template(template).match(split_path(path))


def winner(path: str, *, method: str = "GET", prefix: str = "api", **functions: str) -> str | None:
    routes = []
    for name, text in functions.items():
        route, _, methods = text.partition(" ")
        allowed = frozenset(methods.split(",")) if methods else frozenset()
        trigger = HttpTrigger(route=route, methods=allowed, auth_level="ANONYMOUS")
        routes.append(make_route(name, trigger, route=route, prefix=prefix))
    match = RouteTable(routes).match(method, path)
    return None if match is None else match.route.function


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("jobs/{id}", "/jobs/AbC", {"id": "AbC"}),
        ("jobs/{id}", "/JOBS/AbC/", {"id": "AbC"}),
        ("jobs/{id}", "/jobs", None),
        ("jobs/{id}", "/jobs/", None),
        ("jobs/{id}", "/jobs/a/b", None),
        ("jobs/{id}", "/jobs/a%20b%2Fc", {"id": "a b%2Fc"}),
        ("jobs/{id?}", "/jobs", {}),
        ("jobs/{id=all}", "/jobs", {"id": "all"}),
        ("jobs/{id:int=7}/{part?}", "/jobs", {"id": "7"}),
        ("files/{*rest}", "/files/a/b", {"rest": "a/b"}),
        ("files/{*rest}", "/files", {}),
        ("{*rest}", "/", {}),
        ("a-{x}.{y}", "/a-1.2.json", {"x": "1.2", "y": "json"}),
        ("a-{x}.{y}", "/a-1", None),
        ("", "/", {}),
        ("{n:int}", "/2147483647", {"n": "2147483647"}),
        ("{n:int}", "/2147483648", None),
        ("{n:long:min(5)}", "/4", None),
        ("{n:range(1,9)}", "/9", {"n": "9"}),
        ("{id:guid}", "/abc", None),
        (
            "{id:guid}",
            "/0af76519-16cd-43dd-8448-eb211c80319c",
            {"id": "0af76519-16cd-43dd-8448-eb211c80319c"},
        ),
        ("{x:alpha:length(2,3)}", "/abcd", None),
        ("{x:alpha:length(2,3)}", "/ab", {"x": "ab"}),
        ("{x:bool}", "/TRUE", {"x": "TRUE"}),
        ("{x:datetime}", "/2030-01-02", {"x": "2030-01-02"}),
        ("{x:datetime}", "/soon", None),
        ("{x:decimal}", "/1.5", {"x": "1.5"}),
        (r"{x:regex(^\d{{2}}$)}", "/12", {"x": "12"}),
        (r"{x:regex(^\d{{2}}$)}", "/123", None),
        ("{x:maxlength(2)}", "/abc", None),
    ],
)
def test_a_template_matches_as_in_asp_net(template, path, expected):
    assert expected == values(template, path)


@pytest.mark.parametrize(
    "template",
    [
        "a//b",
        "{x",
        "{x}/{X}",
        "{*all}/b",
        "{x:nosuch}",
        "{x:min(a)}",
        "a?b",
        "{x?}.{y}",
        "{x:regex([)}",
        "{*x?}",
        "{}",
    ],
)
def test_a_broken_template_is_an_error_of_its_function(template):
    with pytest.raises(FunctionInError):
        parse_template(template)


def test_case_08_the_alphabetical_order_of_function_names_decides_between_overlapping_routes():
    assert winner("/api/jobs/stats", b_get="jobs/{id}", a_stats="jobs/stats") == "a_stats"
    assert winner("/api/jobs/stats", b_get="jobs/{id}", z_stats="jobs/stats") == "b_get"
    assert winner("/api/jobs/stats", B_get="jobs/{id}", a_stats="jobs/stats") == "a_stats"


def test_case_09_a_failed_method_or_constraint_falls_to_the_next_function():
    assert winner("/api/jobs/x", a="jobs/{id:guid}", b="jobs/{id}") == "b"
    assert winner("/api/jobs/x", a="jobs/{id} POST", b="jobs/{id} GET") == "b"
    assert winner("/api/jobs/x", method="HEAD", a="jobs/{id} GET") is None


@pytest.mark.parametrize(("prefix", "path"), [("api", "/api/x"), ("", "/x"), ("v1/{tenant}", "/v1/me/x")])
def test_the_route_prefix_can_be_changed_or_removed(prefix, path):
    assert winner(path, prefix=prefix, f="x") == "f"


@pytest.mark.parametrize("route", ["admin/x", "Admin", "runtime/webhooks"])
def test_case_21_the_routes_of_the_host_itself_are_reserved(route):
    with pytest.raises(FunctionInError, match="conflicts with one or more built in routes"):
        make_route(
            "f",
            HttpTrigger(route=route, methods=frozenset(), auth_level="FUNCTION"),
            route=route,
            prefix="api",
        )


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_every_path_a_catch_all_takes_comes_back_unchanged(parts):
    match = parse_template("{*rest}").match(parts)
    assert match == {"rest": "/".join(parts)}


@given(st.text(alphabet="{}*?:=/.()ab%0", max_size=12))
def test_any_text_is_either_a_template_or_refused(text):
    try:
        parse_template(text).match(["a", "b"])
    except FunctionInError:
        return
