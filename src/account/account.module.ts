import { Module } from '@nestjs/common';

import { PoliciesModule } from '../policies/policies.module.js';
import { AccountWideOperations } from './account.operations.js';
import { DetailOperations } from './details.operations.js';
import { Details } from './details.js';
import { Entries } from './entries.js';
import { CredentialReportOperations } from './reports.operations.js';
import { CredentialReports } from './reports.js';
import { CredentialReportsStore } from './reports.store.js';
import { AccountSettingsStore } from './settings.store.js';
import { AccountSummary } from './summary.js';
import { TrustSettingsOperations } from './trust-settings.operations.js';

const stores = [AccountSettingsStore, CredentialReportsStore];
const providers = [...stores, AccountSummary, AccountWideOperations, Entries, Details, DetailOperations, CredentialReports, CredentialReportOperations, TrustSettingsOperations];

@Module({ imports: [PoliciesModule], providers, exports: providers })
export class AccountModule {}
