"use strict";
(({ drawCurve, xAxis }) => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const number = (text) => (text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text));
  const DASH = "–";

  // Tables: a column's name sorts, best first; a second time turns it round, a third gives the first order back.
  for (const table of all("table.sortable")) {
    const home = all("tbody tr", table).map((row) => [row, row.parentNode]);
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      one("button", head).addEventListener("click", (event) => {
        const before = head.getAttribute("aria-sort");
        const first = event.currentTarget.className === "down" ? "descending" : "ascending";
        const second = first === "descending" ? "ascending" : "descending";
        const order = !before ? first : before === first ? second : null;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (order) {
          head.setAttribute("aria-sort", order);
          const rows = home.map(([row]) => row);
          one("tbody", table).append(...rows.sort(comparison(column, order === "ascending" ? 1 : -1)));
        } else {
          home.forEach(([row, parent]) => parent.append(row));
        }
      });
    });
  }

  function comparison(column, sign) {
    const words = new Intl.Collator("en", { numeric: true });
    return (a, b) => {
      const [x, y] = [a, b].map((row) => row.cells[column]);
      const [v, w] = [x, y].map((cell) => ("value" in cell.dataset ? number(cell.dataset.value) : null));
      if (v !== null && w !== null) return v === w ? 0 : sign * (v < w ? -1 : 1);
      if (v !== null || w !== null) return v === null ? 1 : -1; // what is missing comes last either way
      return sign * words.compare(x.textContent, y.textContent);
    };
  }

  const metric = one("#metric");
  metric?.addEventListener("change", () => {
    all(".metric").forEach((part, place) => (part.hidden = String(place) !== metric.value));
  });

  // Worst frames: of some methods, a dozen until more are asked for.
  const whose = one("#whose");
  if (whose) {
    const more = one("#more");
    let most = 12;
    const show = () => {
      const wanted = all(".worst li").filter((item) => {
        item.hidden = true;
        return whose.value === "" || (whose.value === "rival" ? "rival" in item.dataset : item.dataset.row === whose.value);
      });
      wanted.slice(0, most).forEach((item) => (item.hidden = false));
      more.hidden = wanted.length <= most;
      more.textContent = `show all ${wanted.length}`;
    };
    whose.addEventListener("change", show);
    more.addEventListener("click", () => {
      most = Infinity;
      show();
    });
    all(".worst a").forEach((link) =>
      link.addEventListener("click", (event) => {
        event.preventDefault();
        const article = one(link.getAttribute("href"));
        clipOf(article).showFrame(Number(link.dataset.frame), Number(link.dataset.row));
        goTo(article);
      }),
    );
    show();
  }

  // Clips: numbers are parsed and curves drawn as a clip comes near the window.
  const articles = all("article.clip");
  const clips = new Map();
  const clipOf = (article) => {
    if (!clips.has(article)) clips.set(article, openClip(article));
    return clips.get(article);
  };
  const near = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach((e) => clipOf(e.target)), {
    rootMargin: "800px",
  });
  articles.forEach((article) => near.observe(article));
  addEventListener("beforeprint", () => {
    articles.forEach(clipOf);
    all("img[loading=lazy]").forEach((image) => (image.loading = "eager"));
  });

  function goTo(article) {
    article.scrollIntoView();
    article.focus({ preventScroll: true });
  }

  const jump = one("#jump");
  jump.addEventListener("change", () => {
    if (jump.value) goTo(document.getElementById(jump.value));
    jump.value = "";
  });

  /** The clip that has the focus, if it is in the window, else the one that takes most of it. */
  function current() {
    const shown = (article) => {
      const box = article.getBoundingClientRect();
      return Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    };
    const focused = document.activeElement.closest("article.clip");
    if (focused && shown(focused) > 0) return focused;
    const best = articles.reduce((a, b) => (shown(b) > shown(a) ? b : a), articles[0]);
    return best && shown(best) > innerHeight / 4 ? best : null;
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
    const arrow = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (arrow && target.matches("input[type=range]")) return;
    const article = current();
    const neighbor = { "[": -1, "]": 1 }[event.key];
    if (neighbor && articles.length) {
      const place = article ? articles.indexOf(article) + neighbor : 0;
      if (articles[place]) goTo(articles[place]);
    } else if (article && arrow) {
      clipOf(article).stepBy(arrow);
    } else if (article && event.key === "d") {
      one(".maps", article)?.click();
    } else if (article && event.key === "x") {
      one(".swap", article)?.click();
    } else {
      return;
    }
    event.preventDefault();
  });

  function openClip(article) {
    const data = JSON.parse(one("script[type='application/json']", article).textContent);
    const [range, output] = [one(".steps", article), one("output", article)];
    const stage = one(".stage", article);
    const tiles = all(".tile", article);
    const rows = all("tr[data-row]", article);
    const placeOf = new Map(data.scored.map((frame, place) => [frame, place]));
    let step = data.start;

    const curves = data.curves.map((curve) => drawCurve(curve, data));
    one(".curves", article)?.append(...curves.map((curve) => curve.figure));
    const plots = curves.map((curve) => curve.plot);
    const last = plots[plots.length - 1];
    if (last) last.after(xAxis(data));

    const valueOf = (curve, row) => curve.rows[row]?.[placeOf.get(data.steps[step])] ?? null;
    const text = (value, curve) => {
      if (value === null) return DASH;
      return typeof value === "string" ? "∞" : value.toFixed(curve.decimals);
    };
    const address = (track, map) => {
      const { folder, map: hasMap } = data.tracks[track];
      return `${folder}/${String(data.steps[step]).padStart(5, "0")}${map && hasMap ? "-ab" : ""}.webp`;
    };
    const titles = tiles.map((tile) => one("bdi", tile).textContent);
    const setPicture = (image, track, map) => {
      image.src = address(track, map);
      const kind = map && data.tracks[track].map ? "difference of " : "";
      image.alt = `${kind}${titles[track]}, frame ${data.steps[step]}`;
    };
    const maps = one(".maps", article);
    const picks = all(".pick", article);

    function show() {
      const frame = data.steps[step];
      const kind = data.exemplars.includes(frame) ? ", an exemplar" : placeOf.has(frame) ? "" : ", not scored";
      output.textContent = `frame ${frame}${kind}`;
      range.value = step;
      range.setAttribute("aria-valuetext", output.textContent);
      article.style.setProperty("--frame", data.count > 1 ? frame / (data.count - 1) : 0.5);
      for (const row of rows) {
        for (const cell of all(".frame", row)) {
          const curve = data.curves.find(({ name }) => name === cell.dataset.curve);
          const value = valueOf(curve, row.dataset.row);
          cell.textContent = text(value, curve);
          if (value === null) delete cell.dataset.value;
          else cell.dataset.value = value;
        }
      }
      if (!stage) return;
      tiles.forEach((tile, track) => {
        setPicture(one("img", tile), track, maps?.checked);
        const value = data.tracks[track].row === null || !data.curves.length ? null : valueOf(data.curves[0], data.tracks[track].row);
        one(".value", tile).textContent = value === null ? "" : `${text(value, data.curves[0])} ${data.curves[0].unit}`;
        tile.dataset.side = picks.map((pick, side) => (Number(pick.value) === track ? "LR"[side] : "")).join("");
      });
      const pictures = all("img", stage);
      all(".tag", stage).forEach((tag, side) => {
        const track = Number(picks[side].value);
        const map = side === 1 && maps?.checked;
        setPicture(pictures[side], track, map);
        tag.textContent = titles[track] + (map && data.tracks[track].map ? ", difference" : "");
      });
      const legend = one(".legend", article);
      if (legend) legend.hidden = !maps?.checked;
    }

    function stepTo(place) {
      step = Math.max(0, Math.min(data.steps.length - 1, place));
      if (data.steps.length) show();
    }

    const stepToNearest = (frame) => {
      const distances = data.steps.map((other) => Math.abs(other - frame));
      stepTo(distances.indexOf(Math.min(...distances)));
    };

    range?.addEventListener("input", () => stepTo(Number(range.value)));
    all(".step", article).forEach((button) => button.addEventListener("click", () => stepTo(step + Number(button.dataset.by))));
    picks.forEach((pick) => pick.addEventListener("change", show));
    maps?.addEventListener("change", show);
    one(".swap", article)?.addEventListener("click", () => {
      [picks[0].value, picks[1].value] = [picks[1].value, picks[0].value];
      show();
    });
    tiles.forEach((tile) =>
      tile.addEventListener("click", (event) => {
        picks[event.shiftKey ? 0 : 1].value = tile.dataset.track;
        show();
      }),
    );
    plots.forEach((plot) => {
      const follow = (event) => {
        const box = plot.getBoundingClientRect();
        stepToNearest(((event.clientX - box.left) / box.width) * (data.count - 1));
      };
      dragged(plot, follow);
    });
    rows.forEach((row) => {
      const mark = (on) => all(`[data-of='${row.dataset.row}']`, article).forEach((line) => line.classList.toggle("on", on));
      row.addEventListener("pointerenter", () => mark(true));
      row.addEventListener("pointerleave", () => mark(false));
    });
    if (stage) wipe(stage);
    stepTo(step);

    return {
      stepBy: (by) => stepTo(step + by),
      showFrame(frame, row) {
        const track = data.tracks.findIndex((other) => other.row === row);
        if (track >= 0) picks[1].value = track;
        stepToNearest(frame);
      },
    };
  }

  function wipe(stage) {
    const slider = one(".wipe", stage);
    const set = (percent) => stage.style.setProperty("--wipe", percent / 100);
    slider.addEventListener("input", () => set(Number(slider.value)));
    dragged(stage, (event) => {
      const box = stage.getBoundingClientRect();
      const percent = Math.max(0, Math.min(100, ((event.clientX - box.left) / box.width) * 100));
      slider.value = percent;
      slider.focus({ preventScroll: true });
      set(percent);
    });
    set(Number(slider.value));
  }

  function dragged(element, follow) {
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      follow(event);
      event.preventDefault();
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) follow(event);
    });
  }
})(curves);
