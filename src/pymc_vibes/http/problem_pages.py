"""A page for each problem: where the `type` of a problem document leads."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from pymc_vibes.core.errors import PageNotFound, VibesError
from pymc_vibes.core.errors import problems as every_problem
from pymc_vibes.http import view

router = APIRouter(include_in_schema=False)


@router.get("/problems")
def list_problems(request: Request) -> Response:
    """List every problem there is."""
    return view.render(request, "problems.html", problems=[_facts(p) for p in every_problem()])


@router.get("/problems/{slug}")
def show_problem(request: Request, slug: str) -> Response:
    """Say what a problem means and where it stands among the others."""
    for problem in every_problem():
        if problem.slug() == slug:
            return view.render(request, "problem.html", problem=_facts(problem))
    raise PageNotFound(f"There is no problem {slug[:80]!r}.", hint="/problems lists them.")


def _facts(problem: type[VibesError]) -> dict[str, object]:
    _, _, more = (problem.__doc__ or "").strip().partition("\n")
    parent = problem.__mro__[1]
    return {
        "slug": problem.slug(),
        "title": problem.title(),
        "about": " ".join(more.split()),
        "status": problem.status,
        "exit_code": problem.exit_code,
        "parent": parent.slug() if issubclass(parent, VibesError) else None,
        "below": sorted(child.slug() for child in problem.__subclasses__()),
    }
