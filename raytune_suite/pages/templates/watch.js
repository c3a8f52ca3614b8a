"use strict";
(() => {
  const lead = document.querySelector(".lead"), facts = document.querySelector(".facts");
  const main = document.getElementById("main"), links = document.querySelector("nav ul");
  const setFacts = entries => {
    facts.replaceChildren(...Object.entries(entries).map(([name, value]) => {
      const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name; dd.textContent = value; box.append(dt, dd);
      return box;
    }));
  };
  const setSections = sections => {
    const link = {};
    for (const [name, html] of Object.entries(sections)) {
      const parsed = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
      const before = document.getElementById(name);
      if (!before || before.outerHTML !== parsed.outerHTML) {
        if (before) before.replaceWith(parsed); else main.append(parsed);
      }
      link[name] = parsed.querySelector("h2").textContent;
    }
    for (const old of main.querySelectorAll("section")) if (!(old.id in sections)) old.remove();
    for (const name of Object.keys(sections)) main.append(document.getElementById(name));
    links.replaceChildren(...Object.entries(link).map(([name, title]) => {
      const item = document.createElement("li"), a = document.createElement("a");
      a.href = "#" + name; a.textContent = title; item.append(a);
      return item;
    }));
  };
  const events = new EventSource("events" + location.search);
  events.onmessage = event => {
    const news = JSON.parse(event.data), y = window.scrollY;
    if (news.lead) lead.textContent = news.lead;
    if (news.facts) setFacts(news.facts);
    if (news.sections) setSections(news.sections);
    window.scrollTo(0, y);
    document.documentElement.dataset.updates = 1 + Number(document.documentElement.dataset.updates || 0);
  };
  events.onerror = () => { lead.textContent = "The connection to raytune-suite watch is lost; the page shows the last state."; };
})();
