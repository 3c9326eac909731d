// The names an expression can use at an element, for completion: what the diagram's elements put into variables, the
// loop variables around the element, and what the server knows of the forms.
import { getBusinessObject } from 'bpmn-js/lib/util/ModelUtil';
import { extension, extensions } from './extensions.js';

export default class Variables {
  constructor(elementRegistry, options) {
    this.registry = elementRegistry;
    this.known = options?.variables ?? [];
  }

  at(element) {
    const names = new Map([['initiator', '发起人'], ['unit', '发起单位']]);
    const add = (name, info) => name && !names.has(name) && names.set(name, info);
    for (let object = getBusinessObject(element); object; object = object.$parent) {
      const loop = extension(object.loopCharacteristics, 'lvze:Loop');
      if (loop) {
        add(loop.item, '当前一项');
        add('loopCounter', '第几项（从 1 起）');
      }
    }
    for (const { businessObject } of this.registry.getAll()) {
      const source = businessObject.name ?? businessObject.id;
      extensions(businessObject, 'lvze:Result').forEach(({ variable }) => add(variable, `办理结果：${source}`));
      extensions(businessObject, 'lvze:Renews').forEach(({ variable }) => add(variable, '可换签的文件'));
      extensions(businessObject, 'lvze:Output').forEach(({ name }) => add(name, source));
      extensions(businessObject, 'lvze:Decision').forEach(({ result }) => add(result, `决策：${source}`));
      add(extension(businessObject.loopCharacteristics, 'lvze:Loop')?.outputs, `汇总：${source}`);
    }
    for (const variable of this.known) add(variable.name ?? variable, variable.info ?? '表单');
    return [...names].map(([name, info]) => ({ name, info }));
  }
}

Variables.$inject = ['elementRegistry', 'config.lvze'];
