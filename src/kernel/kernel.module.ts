import { Module, type DynamicModule } from '@nestjs/common';

import { kernelProviders, type Kernel } from './kernel.js';
import { Names } from './names.js';
import { Outbound } from './outbound.js';
import { RefusalAllowance } from './refusals.js';

/** Gives every module the kernel. */
@Module({})
export class KernelModule {
  static of(kernel: Kernel): DynamicModule {
    const providers = [...kernelProviders(kernel), { provide: Names, useValue: new Names() }, Outbound, RefusalAllowance];
    return { module: KernelModule, global: true, providers, exports: providers };
  }
}
