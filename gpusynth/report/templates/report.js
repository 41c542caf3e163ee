"use strict";
(() => {
  const one = (query, from = document) => from.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const tip = one("#tip");
  const spoken = one("#spoken");

  // Tooltips: three lines of text, never markup.
  const fillTip = (label, rows) => {
    tip.textContent = "";
    const name = document.createElement("b");
    name.textContent = label;
    tip.append(name);
    for (const [what, figure] of rows) {
      if (figure === "") continue;
      const row = document.createElement("span");
      for (const part of [what, figure]) {
        const piece = document.createElement("i");
        piece.style.fontStyle = "normal";
        piece.textContent = part;
        row.append(piece);
      }
      tip.append(row);
    }
    tip.hidden = false;
  };
  const placeTip = (x, y) => {
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth ? x - box.width - 10 : x + 14;
    const top = y + 16 + box.height > innerHeight ? y - box.height - 10 : y + 16;
    tip.style.transform = `translate(${Math.max(left, 4)}px,${Math.max(top, 4)}px)`;
  };
  let marked = null;
  const hideTip = () => {
    tip.hidden = true;
    if (marked) marked.classList.remove("on");
    marked = null;
    all(".heat .cursor").forEach((cursor) => cursor.setAttribute("x", -99));
  };
  const showBar = (bar, x, y) => {
    if (marked) marked.classList.remove("on");
    marked = bar;
    bar.classList.add("on");
    const [label, real, synthetic] = bar.dataset.tip.split("\n");
    fillTip(label, [["real", real], ["synthetic", synthetic]]);
    placeTip(x, y);
    return `${label}: real ${real}` + (synthetic ? `, synthetic ${synthetic}` : "");
  };

  // Heat maps: which pair lies under the pointer.
  const pairs = one("#pairs") ? JSON.parse(one("#pairs").textContent) : null;
  const written = (value) => (value === null || value === undefined ? "" : value.toFixed(3));
  const showPair = (column, row, x, y) => {
    const n = pairs.columns.length;
    if (column < 0 || row < 0 || column >= n || row >= n) return hideTip(), "";
    for (const cursor of all(".heat .cursor")) {
      cursor.setAttribute("x", column);
      cursor.setAttribute("y", row);
    }
    const names = `${pairs.columns[row]} × ${pairs.columns[column]}`;
    if (row === column) return fillTip(pairs.columns[row], []), placeTip(x, y), pairs.columns[row];
    const [a, b] = row < column ? [row, column] : [column, row];
    const at = a * n - (a * (a + 1)) / 2 + b - a - 1;
    const rows = [
      ["association, real", written(pairs.real[at])],
      ["synthetic", written(pairs.synthetic[at])],
      ["distance", written(pairs.distance[at])],
      ["resample", written(pairs.expected[at])],
    ];
    fillTip(names, rows);
    placeTip(x, y);
    return `${names}: ` + rows.filter((r) => r[1]).map((r) => r.join(" ")).join(", ");
  };
  for (const map of all("[data-heat]")) {
    const n = pairs.columns.length;
    let at = [1, 0];
    map.addEventListener("pointermove", (event) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
      at = [Math.floor(place.x), Math.floor(place.y)];
      showPair(at[0], at[1], event.clientX, event.clientY);
    });
    map.addEventListener("pointerleave", hideTip);
    map.addEventListener("blur", hideTip);
    map.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") return hideTip();
      if (!step) return undefined;
      event.preventDefault();
      at = at.map((place, axis) => Math.min(Math.max(place + step[axis], 0), n - 1));
      const middle = new DOMPoint(at[0] + 0.5, at[1] + 0.5).matrixTransform(map.getScreenCTM());
      spoken.textContent = showPair(at[0], at[1], middle.x, middle.y);
      return undefined;
    });
  }

  // Bars: pointer, or arrow keys within the focused plot.
  document.addEventListener("pointermove", (event) => {
    const bar = event.target.closest && event.target.closest("[data-tip]");
    if (bar) showBar(bar, event.clientX, event.clientY);
    else if (marked) hideTip();
  });
  for (const plot of all("svg.plot")) {
    let at = -1;
    plot.addEventListener("keydown", (event) => {
      const bars = all("[data-tip]", plot);
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (event.key === "Escape") return hideTip();
      if (!step || !bars.length) return undefined;
      event.preventDefault();
      at = Math.min(Math.max(at + step, 0), bars.length - 1);
      const box = bars[at].getBoundingClientRect();
      spoken.textContent = showBar(bars[at], box.right, box.top);
      return undefined;
    });
    plot.addEventListener("blur", () => { at = -1; hideTip(); });
  }
  addEventListener("scroll", () => { if (!tip.hidden) hideTip(); }, { passive: true });

  // Tables that sort by a click on a heading.
  const key = (row, place) => {
    const cell = row.cells[place];
    if (cell.dataset.value === undefined) return cell.textContent.trim();
    return cell.dataset.value === "" || cell.dataset.value === "None" ? null : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        all("thead th", table).forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = all("tbody tr", table).map((row) => [key(row, place), row]);
        // rows without a value stay at the end, whichever way
        rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * compare(a, b)));
        one("tbody", table).append(...rows.map(([, row]) => row));
      });
    });
  }

  // Columns: find, sort, filter.
  const controls = one(".controls");
  const cards = all("#column-cards > .column");
  const refresh = () => {
    const wanted = one("#find").value.trim().toLowerCase();
    const kind = one("#kind").value;
    let shown = 0;
    for (const card of cards) {
      const fits = card.dataset.name.toLowerCase().includes(wanted) && (!kind || card.dataset.kind === kind);
      card.hidden = !fits;
      shown += fits;
    }
    for (const row of all("#column-table tbody tr")) {
      row.hidden = !row.dataset.column.toLowerCase().includes(wanted) || (kind && row.cells[1].textContent !== kind);
    }
    one("#nothing").hidden = shown > 0;
    one("#count").textContent = `${shown} of ${cards.length}`;
  };
  const arrange = () => {
    const by = one("#order").value;
    const sign = by === "position" ? 1 : -1;
    const value = (card) => (by === "name" ? card.dataset.name : Number(card.dataset[by]));
    const sorted = [...cards].sort((a, b) => (by === "name" ? compare(value(a), value(b)) : sign * (value(a) - value(b))));
    one("#column-cards").append(...sorted);
  };
  if (controls) {
    controls.hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    one("#find").addEventListener("input", refresh);
    one("#kind").addEventListener("change", refresh);
    one("#order").addEventListener("change", arrange);
    refresh();
  }

  // Which section is being read.
  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      const link = links.get(entry.target.id);
      if (link) link.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  all("main > section").forEach((section) => watcher.observe(section));

  // On paper everything is open.
  addEventListener("beforeprint", () => all("details:not([open])").forEach((each) => { each.open = true; each.dataset.printed = ""; }));
  addEventListener("afterprint", () => all("details[data-printed]").forEach((each) => { each.open = false; delete each.dataset.printed; }));
})();
