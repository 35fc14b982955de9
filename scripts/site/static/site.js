// What the theme leaves open for those who use a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) caption.ariaLevel = "2";
  if (!document.querySelector("h1")) { // the search
    const title = document.createElement("h1");
    title.textContent = "Search";
    document.querySelector("article")?.prepend(title);
  }
  document.querySelector("aside.sidebar-drawer")?.setAttribute("aria-label", "Pages");
  document.querySelector("aside.toc-drawer")?.setAttribute("aria-label", "On this page");
  const mark = () => {
    for (const box of document.querySelectorAll("pre, .table-wrapper, .cell_output .output")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  mark();
  addEventListener("resize", mark);
});
