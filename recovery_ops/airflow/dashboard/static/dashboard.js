// Keeps a page as new as the record: asks once a second for the parts that live and changes only what is different.
"use strict";
(() => {
  const EVERY_MS = 1000, OLD_MS = 5000, TICK_MS = 250;
  const inside = window.parent !== window;

  // Inside Airflow: take its colours, and leave its frame for its own pages.
  const dress = () => {
    try {
      const theme = inside && window.parent.document.documentElement;
      if (theme) document.documentElement.dataset.theme = theme.classList.contains("dark") ? "dark" : "light";
    } catch { /* another origin: the colours of the machine are right */ }
  };
  document.addEventListener("click", (click) => {
    const link = click.target.closest("a[data-top]");
    if (!link || !inside || click.ctrlKey || click.metaKey) return;
    try {
      const outer = window.parent.document.createElement("a");
      outer.href = link.href;
      click.preventDefault();
      outer.click();
    } catch { /* then the link opens here */ }
  });
  dress();

  const said = document.getElementById("said");
  const heard = new Set([...document.querySelectorAll("[data-loud]")].map((item) => item.dataset.id));
  const tell = () => {
    const fresh = [...document.querySelectorAll("[data-loud]")].filter((item) => !heard.has(item.dataset.id));
    fresh.forEach((item) => heard.add(item.dataset.id));
    if (fresh.length) said.textContent = fresh.map((item) => item.querySelector("span").textContent).join(". ");
  };

  // A person who fills in a field keeps it; what a part looks like otherwise is up to the server.
  const busy = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  const fill = (part, html) => {
    if (part.dataset.was === html) return;
    const known = part.dataset.was !== undefined;
    if (busy(part) && html !== "") return;
    part.dataset.was = html;
    if (!known && part.innerHTML.trim() === html) return;
    const open = [...part.querySelectorAll("details")].map((item) => item.open);
    const values = new Map([...part.querySelectorAll("input:not([type=hidden]), select")].map((item, at) => [at, item.value]));
    const focus = part.contains(document.activeElement) ? focusable(part).indexOf(document.activeElement) : -1;
    const scroll = [...part.querySelectorAll(".events, .wide")].map((item) => [item.scrollTop, item.scrollLeft]);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((item, at) => { item.open = open[at] || item.open; });
    part.querySelectorAll("input:not([type=hidden]), select").forEach((item, at) => { if (values.get(at)) item.value = values.get(at); });
    part.querySelectorAll(".events, .wide").forEach((item, at) => { if (scroll[at]) [item.scrollTop, item.scrollLeft] = scroll[at]; });
    if (focus >= 0) focusable(part)[focus]?.focus({ preventScroll: true });
  };
  const focusable = (part) => [...part.querySelectorAll("a[href], button, summary, input, select, [tabindex]")];

  const here = document.body.dataset.live, fresh = document.getElementById("fresh");
  let asked = Date.now();
  const show = (late, words) => { if (fresh) { fresh.textContent = words; fresh.classList.toggle("old", late); } };
  const ask = async () => {
    try {
      const answer = await fetch(`${here}?live=1`, { headers: { Accept: "application/json" }, credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.status === 401 ? "log in again" : `the page answers ${answer.status}`);
      const news = await answer.json();
      if (news.go) { window.location.replace(news.go); return; }
      for (const [name, html] of Object.entries(news.parts)) {
        const part = document.querySelector(`[data-part="${name}"]`);
        if (part) fill(part, html);
      }
      asked = Date.now();
      show(false, "\u00b7 live");
      tick(true);
      tell();
    } catch (error) {
      if (Date.now() - asked > OLD_MS) show(true, `\u00b7 not live since ${Math.round((Date.now() - asked) / 1000)} s: ${error.message}`);
    }
    dress();
    setTimeout(ask, document.hidden ? 3 * EVERY_MS : EVERY_MS);
  };

  // The clock goes on between two answers.
  const words = (length) => {
    const whole = Math.round(Math.abs(length));
    if (whole < 60) return `${whole}\u00a0s`;
    if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min` + (whole % 60 ? `\u00a0${String(whole % 60).padStart(2, "0")}\u00a0s` : "");
    return `${Math.floor(whole / 3600)}\u00a0h\u00a0${String(Math.floor(whole % 3600 / 60)).padStart(2, "0")}\u00a0min`;
  };
  let timer = null, left = 0, rate = 0, since = 0;
  const tick = (anew) => {
    const found = document.querySelector("[data-left]");
    if (anew || found !== timer) {
      timer = found;
      if (!found) return;
      [left, rate, since] = [Number(found.dataset.left), Number(found.dataset.rate), Date.now()];
    }
    if (timer && rate) timer.textContent = words(left - rate * (Date.now() - since) / 1000);
  };

  document.getElementById("dry")?.focus();
  if (here) { setTimeout(ask, EVERY_MS); setInterval(tick, TICK_MS); }
})();
