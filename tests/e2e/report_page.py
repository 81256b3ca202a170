"""What the tests of the HTML report share: a page, and what is asked of it."""

import json
import sys

import browser as webdriver
from browser import missing
from support import Suite

if missing():
    print("skipped: " + missing())
    sys.exit(77)

suite = Suite(sys.modules["__main__"].__doc__)
VIEW = "main > .view:not([hidden])"


def percent(part):
    """As the page prints shares."""
    if part >= 0.1 or part == 0:
        return f"{100 * part:.1f}%"
    return f"{100 * part:.2f}%" if part >= 0.0005 else "<0.05%"


def make(case, source, *options):
    """Compiles to a page; returns the report in it, and its path."""
    path = suite.path(case + ".html")
    suite.expect(case, ["gossc", source, "-o", suite.path(case + ".out"), "-q", f"--report={path}", *options])
    with open(path, encoding="utf-8") as file:
        begin, end, text = split_page(file.read())
    return json.loads(text[begin:end]), path


def split_page(text):
    """Where in a page its report begins and ends."""
    begin = text.index('id="report">') + len('id="report">')
    return begin, text.index("</script>", begin), text


def replace_report(page, report, name):
    """The same page around another report, as anyone could make it."""
    with open(page, encoding="utf-8") as file:
        begin, end, text = split_page(file.read())
    path = suite.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[:begin] + json.dumps(report).replace("<", "\\u003c") + text[end:])
    return path


def Browser(*arguments, **options):
    """A browser that waits until the page shows what its address says."""
    shown = "document.documentElement.dataset.route === location.hash || location.protocol === 'about:'"
    return webdriver.Browser(*arguments, settled=shown, **options)


def url(page, fragment=""):
    return "file://" + page + ("#" + fragment if fragment else "")


def check_quiet(browser, case):
    errors = browser.errors()
    suite.check(case, not errors, f"expects nothing on the console but got {errors}")


def texts(browser, selector):
    return browser.run("return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector)


def go(browser, fragment):
    browser.run("location.hash = arguments[0]", fragment)
    browser.settle()


def launches_of(report, level, index):
    """Launches that an operation of a level ends in."""
    if level == 2:
        return {index}
    targets = report["graph"][level]["lowerings"][index].get("targets", [])
    return set().union(*(launches_of(report, level + 1, target) for target in targets))


def click_drawn(browser, selector):
    """Clicks what may lie outside of what is drawn."""
    browser.click(VIEW + " [aria-label^='Fit the ']")
    browser.click(selector)


def column(browser, number):
    return browser.run(
        "return [...document.querySelectorAll(arguments[0] + ' .scroller tbody tr:not(.spacer)')].map((row) => row.children[arguments[1]].textContent)",
        VIEW, number)
