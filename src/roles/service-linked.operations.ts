import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import { implement } from '../kernel/handler.js';
import { serviceLinkedContracts } from './service-linked.contract.js';

/** Use cases of service-linked roles: clients that ask for them are told clearly that there are none. */
@Injectable()
export class ServiceLinkedRoleOperations {
  readonly operations = implement(serviceLinkedContracts, {
    CreateServiceLinkedRole: (input) => Promise.reject(new ApiError('InvalidInput', `Service-linked role for ${input.AWSServiceName} cannot be created: Stint has no services that use service-linked roles.`)),
    DeleteServiceLinkedRole: (input) => Promise.reject(new ApiError('NoSuchEntity', `The role with name ${input.RoleName} cannot be found.`)),
    GetServiceLinkedRoleDeletionStatus: (input) => Promise.reject(new ApiError('NoSuchEntity', `The deletion task with id ${input.DeletionTaskId} cannot be found.`)),
  });
}
