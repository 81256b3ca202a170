"""The graph of the HTML report in a real browser: folding, clicks, keys, moving."""

import os

from report_page import Browser, check_quiet, click_drawn, go, launches_of, make, percent, suite, texts, url

NODES = "return document.querySelectorAll('.graph .node').length"


def check_folding(browser, report):
    for index, name in enumerate(("graph", "fused", "plan")):
        entry = report["graph"][index]
        ops, pattern = entry["level"]["operations"], entry["layers"]
        first, period, count = pattern.get("first_layer", 0), pattern["period"], pattern["count"]
        go(browser, name)
        folded = [op for op in ops if first + period <= op["layer"] < first + period * count]
        suite.check(name, count > 1 and folded, f"expects layers that repeat but got {pattern}")
        wanted = len(ops) - len(folded) + 1
        suite.check(name, browser.run(NODES) == wanted, f"expects {wanted} boxes but got {browser.run(NODES)}")
        titles = texts(browser, ".frame-label")
        suite.check(name, any(f"× {count}" in title for title in titles), f"expects '× {count}' but got {titles}")

        # A layer by its button, one through the fold's details, all, and back.
        layer = first + period
        in_layer = lambda wanted: sum(op["layer"] == wanted for op in ops)
        browser.click(f".layers [data-layer='{layer}']")
        wanted += in_layer(layer)
        suite.check(name, browser.run(NODES) == wanted, f"expects layer {layer} opened")
        click_drawn(browser, f"[aria-label='Fold layer {layer}']")
        wanted -= in_layer(layer)
        suite.check(name, browser.run(NODES) == wanted, f"expects layer {layer} folded")
        click_drawn(browser, ".node.fold")
        browser.click(".panel .chips button:last-child")
        last = first + period * count - 1
        wanted += in_layer(last)
        suite.check(name, browser.run(NODES) == wanted, f"expects layer {last} opened from the details")
        browser.click("[aria-label='Open all layers']")
        suite.check(name, browser.run(NODES) == len(ops), f"expects {len(ops)} boxes but got {browser.run(NODES)}")
        edges = browser.run("return document.querySelectorAll('.graph .edge').length")
        suite.check(name, edges > len(ops) // 2, f"expects lines but got {edges}")
        browser.click("[aria-label='Fold what repeats']")
    check_quiet(browser, "folding")


def overlaps(browser):
    """Pairs of boxes that cover each other, in the units of the drawing."""
    return browser.run("""
      const boxes = [...document.querySelectorAll('.graph .node')].map((node) => {
        const {e: x, f: y} = node.transform.baseVal.getItem(0).matrix, box = node.querySelector('.box');
        return {x, y, right: x + box.width.baseVal.value, bottom: y + box.height.baseVal.value};
      });
      let count = 0;
      boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
        if (a.x < b.right && b.x < a.right && a.y < b.bottom && b.y < a.bottom) ++count;
      }));
      return count;""")


def find_op(report, level, name):
    ops = report["graph"][level]["level"]["operations"]
    return next(index for index, op in enumerate(ops) if op["name"] == name)


def check_operation(browser, report, level, index):
    """Clicks an operation; its details must be those of the report."""
    names = ("graph", "fused", "plan")
    op = report["graph"][level]["level"]["operations"][index]
    case = f"{names[level]} {op['name']}"
    go(browser, names[level])
    click_drawn(browser, f".node[data-op='{index}']")
    browser.find(".panel h2")
    suite.check(case, browser.text(".panel h2") == op["name"], f"expects its name but got {browser.text('.panel h2')}")
    suite.check(case, browser.text(".panel .ir") == op["text"], f"expects its IR but got {browser.text('.panel .ir')}")
    address = browser.run("return decodeURIComponent(location.hash)")
    suite.check(case, address.startswith(f"#{names[level]}/op/{op['name']}"), f"expects its address but got {address}")

    launches = sorted(launches_of(report, level, index))
    suite.check(case, launches, "expects launches")
    rows = texts(browser, ".panel .steps tbody tr")
    for row, cost in zip(rows, report["costs"], strict=True):
        share = sum(cost["launches"][launch]["share"] for launch in launches)
        suite.check(case, percent(share) in row, f"expects the share {percent(share)} but got {row}")
        if len(launches) == 1:
            limit = cost["launches"][launches[0]]["limit"]
            suite.check(case, row.endswith(limit), f"expects the limit {limit} but got {row}")
    details = browser.text(".panel")
    for launch in launches:
        kernel = report["kernels"][report["launches"][launch]["kernel"]]
        for part in (kernel["symbol"], kernel["kind"], kernel["reason"], "#" + str(launch)):
            suite.check(case, part in details, f"expects '{part}' in the details")
    links = set(browser.run("return [...document.querySelectorAll('.panel a')].map((link) => decodeURIComponent(link.hash))"))
    for symbol in op.get("parameters", []):
        for weight in report["weights"]:
            if weight["parameter"] == symbol:
                suite.check(case, "#weights/" + weight["name"] in links, f"expects a link to {weight['name']}")
    if level > 0:
        before = report["graph"][level - 1]
        for source, lowering in enumerate(before["lowerings"]):
            if index in lowering.get("targets", []):
                name = before["level"]["operations"][source]["name"]
                suite.check(case, any(link.startswith(f"#{names[level - 1]}/op/{name}") for link in links), f"expects that it came from {name}")
    check_quiet(browser, case)


def transform(browser):
    return browser.run("return document.querySelector('svg.graph > g').getAttribute('transform')")


def check_moving(browser):
    """Wheel, drag and buttons move the drawing; a drag opens nothing."""
    go(browser, "fused")
    middle = browser.run("const box = document.querySelector('svg.graph').getBoundingClientRect(); return [Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)]")
    scale = lambda: float(transform(browser).split("scale(")[1].rstrip(")"))
    before = scale()
    browser.scroll(middle, -200)
    browser.wait(lambda: scale() > before, "the wheel to zoom in")
    seen = transform(browser)
    browser.drag(middle, [middle[0] + 60, middle[1] + 40])
    suite.check("drag", transform(browser) != seen, "expects a drag to move the drawing")
    suite.check("drag", browser.run("return document.getElementById('panel').hidden"), "expects a drag to open nothing")
    browser.click("[aria-label='Fit the graph']")
    outside = browser.run("""
      const frame = document.querySelector('svg.graph').getBoundingClientRect();
      return [...document.querySelectorAll('.graph .node')].map((node) => node.getBoundingClientRect())
        .filter((box) => box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom).length""")
    suite.check("fit", outside == 0, f"expects all boxes in sight but {outside} are not")


def check_keyboard(browser, report, page):
    up, down, enter, escape = "\ue013", "\ue015", "\ue007", "\ue00c"
    browser.open("about:blank")
    browser.open(url(page, "fused"))
    focused = lambda: browser.run("return document.activeElement.dataset.op ?? null")
    browser.keys(down)
    first = focused()
    suite.check("keys", first is not None, "expects an arrow to reach a box")
    browser.keys(down, down)
    suite.check("keys", focused() not in (None, first), "expects arrows to move on")
    name = report["graph"][1]["level"]["operations"][int(focused())]["name"]
    browser.keys(enter)
    browser.find(".panel h2")
    suite.check("keys", browser.text(".panel h2") == name, f"expects Enter to open {name}")
    browser.keys(escape)
    suite.check("keys", browser.run("return document.getElementById('panel').hidden && location.hash === '#fused'"), "expects Esc to close the details")
    seen = transform(browser)
    browser.keys("+")
    suite.check("keys", transform(browser) != seen, "expects + to zoom")
    browser.keys("-", "0")
    browser.keys("?")
    suite.check("keys", browser.run("return document.getElementById('keys').open"), "expects ? to show the keys")
    browser.keys(escape)
    suite.check("keys", not browser.run("return document.getElementById('keys').open"), "expects Esc to close them")
    browser.keys("3")
    suite.check("keys", browser.run("return location.hash") == "#cost", "expects 3 to show the costs")
    # A folded run opens by keys too.
    go(browser, "fused")
    browser.run("document.querySelector('.node.fold').focus()")
    browser.keys(enter)
    suite.check("keys", "Open all" in browser.text(".panel"), "expects Enter to offer the folded layers")
    browser.keys(escape)
    check_quiet(browser, "keys")


report, page = make("tiny", suite.model)
with Browser() as browser:
    browser.open(url(page))
    check_folding(browser, report)
    go(browser, "graph")
    browser.click("[aria-label='Open all layers']")
    suite.check("layout", overlaps(browser) == 0, "expects no box over another")
    go(browser, "plan")
    suite.check("layout", overlaps(browser) == 0, "expects no box over another")
    for level, name in ((0, "layers.0.attention.q"), (1, "layers.1.attention.q"), (2, "layers.0.attention.q"), (1, "embedding")):
        check_operation(browser, report, level, find_op(report, level, name))
    check_moving(browser)
    check_keyboard(browser, report, page)

# Every layer of the 20b graph opens.
config = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")
report, page = make("20b", config, "--emit=plan")
with Browser() as browser:
    browser.open(url(page))
    check_folding(browser, report)
    check_operation(browser, report, 1, find_op(report, 1, "layers.0.attention.q"))

suite.finish()
