"""What tests of the workbench share: a file, and how a page is asked for one."""

from urllib.parse import urlsplit

from httpx2 import Response
from starlette.testclient import TestClient

from pymc_vibes.http.page_mix_bench import address
from pymc_vibes.service import Service
from tests.http.conftest import words_of

BROWSER = {"Accept": "text/html"}
STEPS = ("fit", "contributions", "response", "roi", "budget", "calibration")


def sample_csv(client: TestClient) -> str:
    """Give the sample as the page offers it."""
    return client.get("/ui/mix/sample.csv").raise_for_status().text


def make(client: TestClient, name: str, text: str = "", filename: str = "media.csv") -> Response:
    """Make a marketing mix with the form, and a file where there is text."""
    files = {"file": (filename, text)} if text else None
    return client.post("/ui/mix/upload", data={"name": name}, files=files)


def step(client: TestClient, name: str, slug: str, **asked: str) -> str:
    """Read a step as a person does."""
    return words_of(client.get(f"{address(name)}/{slug}", params=asked).text)


def place_of(page: Response) -> str:
    """Give the path where the browser ended."""
    return urlsplit(str(page.url)).path


def service_of(client: TestClient) -> Service:
    """Give the service that the server asks."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]  # of our own app
    return service
