// The diagrams' lettering: the house's, larger than the library's 12 px and 11 px. The boxes of labels beside shapes are
// drawn for 11 px; they grow around their middle, on the screen alone: what is saved keeps its numbers.
const fontFamily = '"Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif';
const INSIDE = 14;
const BESIDE = 13;
const DRAWN_FOR = 11;

export const textRenderer = {
  defaultStyle: { fontFamily, fontSize: `${INSIDE}px` },
  externalStyle: { fontFamily, fontSize: `${BESIDE}px` },
};

class Lettering {
  constructor(eventBus, elementRegistry, graphicsFactory) {
    eventBus.on('import.render.complete', () => {
      for (const label of elementRegistry.filter(({ labelTarget, width }) => labelTarget && width)) {
        const wider = (label.width * BESIDE) / DRAWN_FOR + 2 - label.width;
        label.x -= wider / 2;
        label.width += wider;
        graphicsFactory.update('shape', label, elementRegistry.getGraphics(label));
      }
    });
  }
}

Lettering.$inject = ['eventBus', 'elementRegistry', 'graphicsFactory'];

export default { __init__: ['lvzeLettering'], lvzeLettering: ['type', Lettering] };
