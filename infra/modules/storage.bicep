metadata description = 'One storage account. It is used twice, for the host and for jobs: throttling, roles and backups stay apart.'

@minLength(3)
@maxLength(24)
@description('Name of the account.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@allowed([
  'Standard_GZRS'
  'Standard_LRS'
  'Standard_ZRS'
])
@description('Redundancy.')
param sku string

@description('Whether only private endpoints reach it. Where that is off the network stays open: Flex Consumption calls from addresses that no rule can name.')
param isPrivate bool

@description('Names of blob containers.')
param containers array

@description('Names of tables.')
param tables array

@description('Who owns the blobs, as objects with id and type of a principal: the host keeps its locks and keys there.')
param blobOwners array

@description('Who reads and writes tables: objects with id and type of a principal.')
param tableContributors array

@description('Workspace that logs and metrics go to.')
param workspaceId string

// Storage Blob Data Owner, Storage Table Data Contributor
var blobOwnerRole = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var tableContributorRole = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
  }
  kind: 'StorageV2'
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [for container in containers: {
  parent: blobService
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource tableList 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [for table in tables: {
  parent: tableService
  name: table
}]

resource blobRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for owner in blobOwners: {
  name: guid(account.id, owner.id, blobOwnerRole)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobOwnerRole)
    principalId: owner.id
    principalType: owner.type
  }
}]

resource tableRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for contributor in tableContributors: {
  name: guid(account.id, contributor.id, tableContributorRole)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableContributorRole)
    principalId: contributor.id
    principalType: contributor.type
  }
}]

// Every read and write would be a log line, twenty a job; who deleted what is the part that is asked for later.
resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobService
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageDelete', enabled: true }
    ]
    metrics: [
      { category: 'Transaction', enabled: true }
    ]
  }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: tableService
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageDelete', enabled: true }
    ]
    metrics: [
      { category: 'Transaction', enabled: true }
    ]
  }
}

@description('Resource id.')
output id string = account.id

@description('Blob endpoint, with a slash at its end.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Table endpoint, with a slash at its end.')
output tableEndpoint string = account.properties.primaryEndpoints.table
