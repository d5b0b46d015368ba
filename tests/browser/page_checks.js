// What a person who cannot see, cannot point, or has a small screen needs. Each function returns what is wrong, in words.
(() => {
  const shown = (item) => item.checkVisibility({ visibilityProperty: true }) && item.getClientRects().length > 0;
  const words = (item) => `<${item.tagName.toLowerCase()}> ${(item.textContent || "").trim().replace(/\s+/g, " ").slice(0, 50)}`;
  const parse = (text) => {
    const found = (text || "").match(/rgba?\(([^)]*)\)/);
    if (!found) return null;
    const [r, g, b, a = 1] = found[1].split(/[,/ ]+/).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under, share = 1) => {
    const a = top.a * share;
    return { r: top.r * a + under.r * (1 - a), g: top.g * a + under.g * (1 - a), b: top.b * a + under.b * (1 - a), a: 1 };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (one, two) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const above = (item) => { const found = []; for (let at = item; at; at = at.parentElement) found.push(at); return found; };
  const faded = (item) => above(item).reduce((share, at) => share * Number(getComputedStyle(at).opacity), 1);
  // Shapes of a picture lie under its text in the order of the document.
  const shapes = (text) => {
    const box = text.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
    const all = [...text.ownerSVGElement.querySelectorAll("rect, text, tspan")];
    return all.slice(0, all.indexOf(text)).filter((item) => {
      const own = item.getBoundingClientRect();
      return item.tagName === "rect" && own.left <= x && x <= own.right && own.top <= y && y <= own.bottom;
    });
  };
  const behind = (item) => {
    let colour = { r: 255, g: 255, b: 255, a: 1 };
    for (const at of above(item).reverse()) {
      const own = parse(getComputedStyle(at).backgroundColor);
      if (own && !at.ownerSVGElement) colour = over(own, colour);
    }
    if (item.ownerSVGElement) for (const shape of shapes(item)) {
      const own = parse(getComputedStyle(shape).fill);
      if (own) colour = over(own, colour, faded(shape));
    }
    return colour;
  };
  const speaks = (item) => [...item.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  const scrolls = (item) => shown(item) && ["overflowX", "overflowY"].some((way) => ["auto", "scroll"].includes(getComputedStyle(item)[way]));

  const contrast = (least) => [...document.querySelectorAll("body *")]
    .filter((item) => speaks(item) && shown(item) && !["TITLE", "OPTION", "SCRIPT", "STYLE"].includes(item.tagName))
    .filter((item) => !item.closest(":disabled, .unseen, .skip"))
    .map((item) => {
      const style = getComputedStyle(item), under = behind(item);
      const own = parse(item.ownerSVGElement ? style.fill : style.color);
      return [item, ratio(over(own, under, faded(item)), under)];
    })
    .filter(([, found]) => found < least)
    .map(([item, found]) => `${found.toFixed(2)} ${words(item)}`);

  const named = (item) => (item.getAttribute("aria-label") || item.textContent || item.value || "").trim() !== "";
  const structure = () => {
    const wrong = [], all = (what) => [...document.querySelectorAll(what)];
    const want = (true_, what) => { if (!true_) wrong.push(what); };
    want(document.documentElement.lang, "the page has no language");
    want(document.title.length > 3, "the page has no title");
    want(all("main").length === 1, "there is not one main");
    want(all("h1").length === 1, `there are ${all("h1").length} h1`);
    all("nav").forEach((item) => want(named(item) && item.getAttribute("aria-label"), "a nav has no name"));
    let level = 0;
    all("h1, h2, h3, h4").forEach((item) => {
      const own = Number(item.tagName[1]);
      want(own <= level + 1, `${words(item)} comes after h${level}`);
      level = own;
    });
    all("input:not([type=hidden]), select, textarea").forEach((item) => want(item.labels?.length, `a field has no label: ${item.name}`));
    all("a[href], button, summary, [role=region], [role=timer]").forEach((item) => want(named(item), `no name: ${item.outerHTML.slice(0, 80)}`));
    all("svg").forEach((item) => want(
      item.getAttribute("aria-hidden") === "true" || (item.getAttribute("role") === "img" && item.getAttribute("aria-label")) ||
        (item.getAttribute("role") === "group" && item.getAttribute("aria-labelledby")),
      `a picture without words: ${item.outerHTML.slice(0, 80)}`));
    all("img").forEach((item) => want(item.hasAttribute("alt"), `an image without alt: ${item.src}`));
    all("th").forEach((item) => want(item.scope, `a heading of a table without scope: ${words(item)}`));
    const ids = all("[id]").map((item) => item.id);
    ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`two elements are called ${id}`));
    all("[aria-labelledby]").forEach((item) => want(
      item.getAttribute("aria-labelledby").split(" ").every((id) => document.getElementById(id)), "a name that is not there"));
    all("body *").filter(scrolls).forEach((item) => want(
      item.tabIndex === 0 || item.querySelector("a[href], button, input"), `a box that scrolls cannot be reached: ${words(item)}`));
    all("body *").filter((item) => speaks(item) && !item.closest("pre, code, script, style")).forEach((item) => want(
      ![...item.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.includes("`")), `a backtick: ${words(item)}`));
    want(!document.body.dataset.live || document.querySelector("[aria-live=polite]"), "news are said to nobody");
    return wrong;
  };

  // What a narrow screen would have to show beside itself, and what it does not show at all.
  const wide = () => {
    const excess = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    const cut = [...document.querySelectorAll("body *")].filter((item) => shown(item) && !item.closest("svg, .unseen, input")
      && ["hidden", "clip"].includes(getComputedStyle(item).overflowX) && item.scrollWidth > item.clientWidth + 1);
    return [...(excess > 0 ? [`${excess} px too wide`] : []), ...cut.map((item) => `cut off: ${words(item)}`)];
  };

  const reachable = () => {
    const radios = new Set();
    return [...document.querySelectorAll("a[href], button, summary, input:not([type=hidden]), select, [tabindex='0']")].filter((item) => {
      if (!shown(item) || item.disabled) return false;
      if (item.type !== "radio") return true;
      const group = [...document.querySelectorAll(`input[type=radio][name="${item.name}"]`)];
      if (group.some((other) => other.checked) ? !item.checked : radios.has(item.name)) return false;
      radios.add(item.name);
      return true;
    });
  };
  // Outline or not is asked while the element has the focus, so once per press of Tab.
  const begin = () => { window.wanted = reachable(); window.got = new Set(); document.activeElement.blur(); return window.wanted.length; };
  const step = () => {
    const item = document.activeElement, style = getComputedStyle(item);
    if (item === document.body || window.got.has(item)) return null;
    window.got.add(item);
    const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    return { words: words(item), seen };
  };
  const missed = () => window.wanted.filter((item) => item.isConnected && !window.got.has(item)).map(words);

  const unfold = () => document.querySelectorAll("details").forEach((item) => { item.open = true; });

  window.checks = { contrast, structure, wide, unfold, begin, step, missed };
})();
