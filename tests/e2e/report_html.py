"""The HTML report in a real browser: what it shows is what the JSON says."""

import json
import os
from urllib.parse import quote

from report_page import VIEW, Browser, check_quiet, click_drawn, column, go, make, percent, replace_report, suite, texts, url

HIDDEN_OVERFLOW = """
  const wide = [document.documentElement, document.body, document.getElementById('main')]
    .filter((element) => element.scrollWidth > element.clientWidth);
  return wide.map((element) => `${element.tagName} ${element.scrollWidth} > ${element.clientWidth}`).join();"""



# The page and its head -----------------------------------------------------


def check_overview(browser, report):
    summary = report["summary"]
    shown = browser.text("main")
    for figure in (summary["parameters_total"], summary["parameters_active"], summary["weight_bytes"], summary["tensors"]):
        suite.check("overview", f"{figure:,}" in shown, f"expects {figure:,} in the summary")
    for text in (summary["cpu"], summary["math_mode"], summary["compiler_version"], summary["config_sha256"]):
        suite.check("overview", text in shown, f"expects '{text}' in the summary")
    for stage in report["stages"]:
        suite.check("overview", stage["name"] in shown, f"expects the stage {stage['name']}")


def check_policy(browser):
    """A script that is not the page's own does not run, and nothing is loaded."""
    browser.run("""
      const script = document.createElement('script');
      script.textContent = 'window.wasRun = true';
      document.body.append(script);""")
    suite.check("policy", browser.run("return window.wasRun ?? null") is None, "expects the policy to refuse a script")
    suite.check("policy", "Content Security Policy" in " ".join(browser.errors()), "expects the refusal on the console")
    loads = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith('data:'))")
    suite.check("policy", not loads, f"expects no loads but got {loads}")


def check_tabs(browser):
    names = texts(browser, "#tabs a")
    suite.check("tabs", [name.rstrip("0123456789,") for name in names] == ["Overview", "Graph", "Cost", "Memory", "Weights", "Fusions", "Kernels"], f"expects all views but got {names}")
    for at, name in enumerate(names):
        browser.find_all("#tabs a")[at].click()
        current = texts(browser, "#tabs a[aria-current]")
        shown = browser.run("return [...document.querySelectorAll('main > .view')].filter((view) => !view.hidden).length")
        suite.check("tabs", current == [name] and shown == 1, f"expects {name} alone but got {current} of {shown}")
        check_quiet(browser, name)


def check_names(browser):
    """Everything that can be used has a name for those who do not see it."""
    unnamed = browser.run("""
      return [...document.querySelectorAll('button, a, input, select, [role=button], svg[tabindex], [role=region]')]
        .filter((node) => !node.closest('[hidden]') && !node.textContent.trim() && !node.getAttribute('aria-label') && !node.labels?.length)
        .map((node) => node.outerHTML.slice(0, 80))""")
    suite.check("names", not unnamed, f"expects a name for {unnamed}")
    bare = browser.run("return [...document.querySelectorAll('thead th')].filter((head) => head.scope !== 'col').length")
    suite.check("names", bare == 0, "expects scopes of table heads")
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((node) => node.id)")
    suite.check("names", len(ids) == len(set(ids)), "expects each id once")


def check_search(browser, report):
    weight = report["weights"][-1]["name"]
    kernel = report["kernels"][-1]["symbol"]
    for text, address in ((weight, "#weights/" + weight), (kernel, "#kernels/" + kernel)):
        browser.run("document.activeElement.blur()")
        browser.keys("/")
        suite.check("search", browser.run("return document.activeElement.id") == "search", "expects / to focus the search")
        browser.find("#search").type(text)
        browser.wait(lambda: browser.find_all("#search-results [role=option]"), "results")
        options = texts(browser, "#search-results [role=option] > span:first-child")
        suite.check("search", text in options, f"expects {text} but got {options}")
        at = options.index(text)
        browser.keys(*["\ue015"] * at, "\ue007")
        found = browser.run("return decodeURIComponent(location.hash)")
        suite.check("search", found == address, f"expects {address} but got {found}")
        suite.check("search", browser.text(".panel h2") == text, f"expects the details of {text}")
        browser.run("document.getElementById('search').value = ''")
    # An operation of a folded layer is found and opened.
    op = next(op for op in reversed(report["graph"][1]["level"]["operations"]) if op["layer"] > 2)
    go(browser, "fused/op/" + op["name"])
    browser.wait(lambda: browser.find_all(".node.selected"), "the operation's box")
    suite.check("search", browser.text(".panel .ir") == op["text"], f"expects the details of {op['name']}")
    browser.find("#search").type("nothing is called this")
    suite.check("search", "Nothing found" in browser.text("#search-results"), "expects to hear of no result")
    browser.keys("\ue00c", "\ue00c")
    check_quiet(browser, "search")


# Cost, memory, tables ------------------------------------------------------


def click_head(browser, text):
    heads = browser.find_all(VIEW + " .scroller thead button")
    next(head for head in heads if head.text() == text).click()


def check_weights(browser, report):
    go(browser, "weights")
    weights = report["weights"]
    names = [weight["name"] for weight in weights]
    browser.run("document.querySelector(arguments[0] + ' .scroller').scrollTop = 0", VIEW)
    shown = browser.wait(lambda: (column(browser, 0)[0] == names[0]) and column(browser, 0), "the first row")
    suite.check("weights", len(shown) < len(names) and shown == names[: len(shown)], f"expects the first tensors but got {shown}")
    size = f"{sum(weight['size'] for weight in weights):,}"
    suite.check("weights", size in browser.text(VIEW), f"expects {size} bytes in all")
    for sign, order in ((-1, "descending"), (1, "ascending")):
        click_head(browser, "Bytes")
        wanted = [weight["name"] for weight in sorted(weights, key=lambda weight: sign * weight["size"])]
        shown = column(browser, 0)
        suite.check("weights", shown == wanted[: len(shown)], f"expects {order} bytes but got {shown}")
        suite.check("weights", texts(browser, VIEW + " th[aria-sort]") == ["Bytes"], "expects the head to say so")
    # To the end of the table.
    browser.run("const scroller = document.querySelector('main > .view:not([hidden]) .scroller'); scroller.scrollTop = scroller.scrollHeight")
    browser.wait(lambda: column(browser, 0)[-1:] == wanted[-1:], "the last row")
    browser.find(VIEW + " .table-tools input").type("router weight")
    wanted = sum("router" in name and "weight" in name for name in names)
    suite.check("weights", len(column(browser, 0)) == wanted, f"expects {wanted} rows but got {column(browser, 0)}")
    weight = next(weight for weight in weights if "router" in weight["name"])
    go(browser, "weights/" + weight["name"])
    browser.find(".panel h2")
    details = browser.text(".panel")
    for part in (weight["name"], f"{weight['size']:,}", f"{weight['offset']:,}", "@" + weight["parameter"]):
        suite.check("weights", part in details, f"expects '{part}' in the details")
    check_quiet(browser, "weights")


def check_cost(browser, report):
    go(browser, "cost")
    for step, cost in enumerate(report["costs"]):
        browser.run("const select = document.querySelector('main > .view:not([hidden]) select'); select.value = arguments[0]; select.dispatchEvent(new Event('change'))", step)
        size = f"{round(cost['total']['weight_bytes']):,}"
        suite.check("cost", size in browser.text(VIEW + " .totals"), f"expects {size} bytes of weights but got {browser.text('.totals')}")
        shares = {}
        for launch, part in zip(report["launches"], cost["launches"], strict=True):
            symbol = report["kernels"][launch["kernel"]]["symbol"]
            shares[symbol] = shares.get(symbol, 0) + part["share"]
        rows = dict(zip(column(browser, 0), column(browser, 4), strict=True))
        suite.check("cost", set(rows) == set(shares), f"expects each kernel but got {rows}")
        for symbol, share in shares.items():
            suite.check("cost", rows.get(symbol) == percent(share), f"expects {percent(share)} for {symbol} but got {rows.get(symbol)}")
        order = [shares[symbol] for symbol in column(browser, 0)]
        suite.check("cost", order == sorted(order, reverse=True), "expects the most expensive kernel first")
    points = browser.run("return document.querySelectorAll('.plot .dot').length")
    suite.check("cost", points == len(report["costs"][-1]["kv_cache"]), f"expects the cache by context but got {points} points")
    next(button for button in browser.find_all(".choice button") if button.text() == "by launch").click()
    shown = column(browser, 0)
    suite.check("cost", shown == [launch["name"] for launch in report["launches"]][: len(shown)], f"expects launches but got {shown}")
    check_quiet(browser, "cost")


def check_memory(browser, report):
    go(browser, "memory")
    memory = report["memory"]
    drawn = browser.run("return document.querySelectorAll('.arena .buffer').length")
    suite.check("memory", drawn == len(memory["buffers"]), f"expects {len(memory['buffers'])} buffers but got {drawn}")
    for index in (0, len(memory["buffers"]) // 2):
        buffer = memory["buffers"][index]
        click_drawn(browser, f".buffer[data-buffer='{index}']")
        browser.find(".panel h2")
        details = browser.text(".panel")
        shares = f"Shares its bytes with {buffer['shares_bytes_with']:,} buffer"
        for part in (buffer["name"], f"{buffer['size']:,} B", f"{buffer['offset']:,} – {buffer['offset'] + buffer['size']:,}", shares):
            suite.check("memory", part in details, f"expects '{part}' but got {details}")
        marked = browser.run("return document.querySelectorAll('.buffer.sharing').length")
        suite.check("memory", marked == buffer["shares_bytes_with"], f"expects {buffer['shares_bytes_with']} marked but got {marked}")
    go(browser, "cost")
    suite.check("memory", browser.run("return document.getElementById('panel').hidden"), "expects another view to close the details")
    go(browser, "memory")
    suite.check("memory", f"in launch #{memory['peak_launch']}" in browser.text(VIEW + " .totals"), "expects the peak")
    check_quiet(browser, "memory")


def check_lists(browser, report):
    go(browser, "fusions")
    rows = column(browser, 3)
    suite.check("fusions", rows == [fusion["message"] for fusion in report["fusions"]][: len(rows)], f"expects the fusions but got {rows}")
    go(browser, "kernels")
    suite.check("kernels", column(browser, 0) == [kernel["symbol"] for kernel in report["kernels"]], "expects the kernels")
    kernel = report["kernels"][0]
    browser.click(VIEW + " tbody a")
    suite.check("kernels", kernel["reason"] in browser.text(".panel"), "expects the reason of its kind")
    check_quiet(browser, "lists")


def check_functions(browser, report):
    """What a GPU runs: functions of kernels and of none, beside the host's."""
    kernel = report["kernels"][0]["symbol"]
    device = [
        {"symbol": kernel + "_v1", "kernel": kernel, "offset": 4096, "code_bytes": 512, "registers": 71, "ptx_bytes": 987, "sha256": "ab", "disassembly": "ret;"},
        {"symbol": "choose", "kernel": "", "ptx_bytes": 10},
    ]
    host = {"symbol": "goss_step", "offset": 64, "code_bytes": 10}
    browser.open(url(replace_report(page, dict(report, device_functions=device, functions=[host]), "functions.html")))
    go(browser, "kernels")
    rows = [row for row in texts(browser, VIEW + " section tbody tr") if row]
    suite.check("functions", len(rows) == 3 and "the GPU" in rows[1] and "the host" in rows[2], f"expects three functions but got {rows}")
    suite.check("functions", kernel in rows[0] and "71" in rows[0] and "0x1000" in rows[0], f"expects what is known of one but got {rows[0]}")
    browser.click(VIEW + " section tbody a")
    shown = browser.text(".panel")
    suite.check("functions", kernel + "_v1" in shown and "512 B at 0x1000, 71 registers" in shown and "987 B" in shown and "ret;" in shown, f"expects the kernel's function but got {shown}")
    check_quiet(browser, "functions")
    browser.open(url(page))


def check_theme(browser):
    background = lambda: browser.run("return getComputedStyle(document.body).backgroundColor")
    light = background()
    browser.click("#theme")
    dark = background()
    suite.check("theme", dark != light and browser.run("return document.documentElement.dataset.theme") == "dark", f"expects dark but got {dark}")
    suite.check("theme", browser.find("#theme").attribute("aria-pressed") == "true", "expects the button to say so")
    browser.click("#theme")
    suite.check("theme", background() == light, "expects light again")
    browser.prefer_dark(True)
    browser.run("localStorage.clear()")
    browser.open("about:blank")
    browser.open(url(page))
    suite.check("theme", background() == dark, "expects what the system prefers")
    browser.prefer_dark(False)


# Phone, other reports ------------------------------------------------------


def check_phone(report):
    with Browser(390, 844, touch=True) as browser:
        op = report["graph"][1]["level"]["operations"][1]["name"]
        for fragment in ("overview", "graph", "fused", "plan", "fused/op/" + op, "cost", "memory", "memory/buffer/0", "weights",
                         "weights/" + report["weights"][0]["name"], "fusions", "kernels", "kernels/" + report["kernels"][0]["symbol"]):
            browser.open(url(page, fragment))
            wide = browser.run(HIDDEN_OVERFLOW)
            suite.check("phone", not wide, f"expects {fragment} to fit but got {wide}")
            top = browser.run("return document.querySelector('header').getBoundingClientRect().top")
            suite.check("phone", top == 0, f"expects the head of {fragment} at the top but got {top}")
        go(browser, "fused")
        before = transform(browser)
        pinch(browser)
        scale = lambda text: float(text.split("scale(")[1].rstrip(")"))
        suite.check("phone", scale(transform(browser)) > scale(before), f"expects a pinch to zoom but got {before} and {transform(browser)}")
        check_quiet(browser, "phone")


def transform(browser):
    return browser.run("return document.querySelector('svg.graph > g').getAttribute('transform')")


def pinch(browser):
    """Two fingers that part."""
    def finger(name, start, end):
        touch = lambda x, duration: {"type": "pointerMove", "duration": duration, "x": x, "y": 560}
        actions = [touch(start, 0), {"type": "pointerDown", "button": 0}, touch(end, 150), {"type": "pointerUp", "button": 0}]
        return {"type": "pointer", "id": name, "parameters": {"pointerType": "touch"}, "actions": actions}

    browser.perform(finger("a", 180, 90), finger("b", 210, 300))


def check_parts(browser, report):
    """A report without compiled parts shows what it has and says what not."""
    part = {"summary": dict(report["summary"], kind="checkpoint"), "weights": report["weights"]}
    browser.open(url(replace_report(page, part, "checkpoint.html")))
    names = [name.rstrip("0123456789,") for name in texts(browser, "#tabs a")]
    suite.check("checkpoint", names == ["Overview", "Weights"], f"expects two views but got {names}")
    note = browser.text("#missing")
    suite.check("checkpoint", "the graph" in note and "weights" not in note, f"expects what is missing but got {note}")
    go(browser, "fused/op/none")
    suite.check("checkpoint", texts(browser, "#tabs a[aria-current]") == ["Overview"], "expects the overview for what is not there")
    browser.open(url(replace_report(page, {}, "empty.html")))
    suite.check("empty", "Not in this report" in browser.text("main"), "expects an empty report to open")
    check_quiet(browser, "parts")


def check_hostile(browser, report):
    """Names and numbers of anyone: text stays text, indices that lead nowhere are dropped."""
    evil = "</script><img src=x onerror='window.hacked=1'><b>"

    def poison(value):
        if isinstance(value, dict):
            return {key: evil + entry if key in ("text", "reason", "message", "cpu", "work", "parameter", "disassembly", "type") else poison(entry) for key, entry in value.items()}
        return [poison(entry) for entry in value] if isinstance(value, list) else value

    bad = poison(report)
    ops = bad["graph"][1]["level"]["operations"]
    ops[0]["operands"] = [4_000_000_000, -1]
    bad["graph"][1]["lowerings"][0]["targets"] = [4_000_000_000]
    bad["launches"][0]["kernel"] = 4_000_000_000
    ops[1]["name"] = evil
    bad["weights"][0]["name"] = evil
    bad["kernels"][0]["symbol"] = evil
    browser.open(url(replace_report(page, bad, "hostile.html")))
    for view in ("overview", "graph", "fused", "plan", "cost", "memory", "weights", "fusions", "kernels"):
        go(browser, view)
        browser.wait(lambda: texts(browser, "#tabs a[aria-current]"), view)
    browser.run("document.querySelector('#tabs a[href$=fused], #tabs a[href$=plan]').click()")
    browser.settle()
    go(browser, "fused/op/" + quote(evil, safe=""))
    browser.find(".panel h2")
    suite.check("hostile", browser.text(".panel h2") == evil, "expects the name as text")
    browser.find("#search").type("onerror")
    browser.find("#search-results [role=option]")
    made = browser.run("return document.querySelectorAll('main img, main b b, .panel img, .results img').length + (window.hacked ?? 0)")
    suite.check("hostile", made == 0, "expects no elements made of names")
    check_quiet(browser, "hostile")


def check_json(report):
    """`--report=FILE.json` says the same, but for how long the stages took."""
    path = suite.path("tiny.json")
    suite.expect("json", ["gossc", suite.model, "-o", suite.path("tiny.out"), "-q", f"--report={path}"])
    with open(path) as file:
        other = json.load(file)
    suite.check("json", dict(other, stages=[]) == dict(report, stages=[]), "expects the report of the page")


report, page = make("tiny", suite.model)
check_json(report)
with Browser() as browser:
    browser.open(url(page))
    check_overview(browser, report)
    check_tabs(browser)
    check_names(browser)
    check_search(browser, report)
    check_weights(browser, report)
    check_cost(browser, report)
    check_memory(browser, report)
    check_lists(browser, report)
    check_functions(browser, report)
    check_theme(browser)
    check_policy(browser)
    check_parts(browser, report)
    check_hostile(browser, report)
check_phone(report)

# The 20b model: small enough, and whole.
config = os.path.join(suite.source, "tests", "data", "configs", "gpt-oss-20b.json")
report, page = make("20b", config, "--emit=asm")
suite.check("20b", os.path.getsize(page) < 5_000_000, f"expects less than 5 MB but got {os.path.getsize(page)}")
suite.check("20b", len(report["weights"]) == 459, f"expects 459 tensors but got {len(report['weights'])}")
with Browser() as browser:
    browser.open(url(page))
    check_overview(browser, report)
    suite.check("20b", "20,914,757,184" in browser.text("main") and "13,761,264,768" in browser.text("main"), "expects the model's figures")
    check_weights(browser, report)
    check_memory(browser, report)
    check_cost(browser, report)

suite.finish()
