// Page pictures: <div data-pages> holding <a href="large picture"><img></a>, one a page. A click opens the page at full
// width with next and previous; without JavaScript the link opens the picture itself.
const ZOOMS = [1, 1.5, 2, 3];

class Pictures {
  constructor(box) {
    this.links = [...box.querySelectorAll('a[href]')].filter((link) => link.querySelector('img'));
    this.links.forEach((link, index) => {
      link.addEventListener('click', (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.open(index);
      });
    });
  }

  open(index) {
    const dialog = document.createElement('dialog');
    dialog.className = 'page-view';
    dialog.setAttribute('aria-label', '文件页面');
    dialog.innerHTML = `
      <div class="page-view-bar">
        <button type="button" class="btn btn-light" data-go="-1"><i class="bi bi-chevron-left" aria-hidden="true"></i> 上一页</button>
        <output></output>
        <button type="button" class="btn btn-light" data-go="1">下一页 <i class="bi bi-chevron-right" aria-hidden="true"></i></button>
        <button type="button" class="btn btn-light" data-zoom><i class="bi bi-zoom-in" aria-hidden="true"></i> 放大</button>
        <button type="button" class="btn btn-light ms-auto" data-close><i class="bi bi-x-lg" aria-hidden="true"></i> 关闭</button>
      </div>
      <div class="page-view-sheet" tabindex="0"><img alt=""></div>`;
    const image = dialog.querySelector('img');
    let at = index;
    let zoom = 0;
    const show = () => {
      const small = this.links[at].querySelector('img');
      image.src = this.links[at].href;
      image.alt = small.alt;
      image.style.width = `${ZOOMS[zoom] * 100}%`;
      dialog.querySelector('output').textContent = `第 ${at + 1} 页，共 ${this.links.length} 页`;
      dialog.querySelector('[data-go="-1"]').disabled = at === 0;
      dialog.querySelector('[data-go="1"]').disabled = at === this.links.length - 1;
    };
    const go = (step) => {
      at = Math.min(this.links.length - 1, Math.max(0, at + step));
      dialog.querySelector('.page-view-sheet').scrollTo(0, 0);
      show();
    };
    dialog.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button?.dataset.go) go(Number(button.dataset.go));
      else if (button && 'zoom' in button.dataset) { zoom = (zoom + 1) % ZOOMS.length; show(); }
      else if (button || event.target === dialog) dialog.close();
    });
    dialog.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowLeft' || event.key === 'PageUp') go(-1);
      if (event.key === 'ArrowRight' || event.key === 'PageDown') go(1);
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      this.links[at].focus();
    });
    document.body.append(dialog);
    show();
    dialog.showModal();
  }
}

export function pictures(root) {
  for (const box of root.querySelectorAll('[data-pages]:not([data-started])')) {
    box.dataset.started = '';
    new Pictures(box);
  }
}
