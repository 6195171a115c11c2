targetScope = 'subscription'

metadata name = 'Content Architect'
metadata description = 'Everything that the function app needs in one resource group, with identities and without keys.'

@minLength(1)
@maxLength(40)
@description('Name of the environment; part of every name and the tag that azd finds its resources by.')
param environmentName string

@minLength(1)
@description('Azure region of everything; it must offer Flex Consumption.')
param location string

@allowed([
  'dev'
  'prod'
  'vnet'
])
@description('Size and protection: dev (cheap), prod (zone redundant), vnet (prod behind private endpoints). The figures are in profiles/.')
param profile string = 'dev'

@description('Object id of a developer or operator who gets the data roles of the app; empty for nobody. Ignored where the profile forbids it.')
param principalId string = ''

@allowed([
  'Group'
  'ServicePrincipal'
  'User'
])
@description('What kind of principal principalId is.')
param principalType string = 'User'

@description('Client id of the Entra app registration that tokens are for, those of callers and of Web PubSub; empty: there is none.')
param entraClientId string = ''

@allowed([
  ''
  'apikey'
  'entra'
])
@description('Credential that callers come with; empty: Entra tokens where there is an app registration, else API keys.')
param authMode string = ''

@description('Public base of all links, without a path, for a custom domain; empty: the name of the app at azurewebsites.net.')
param publicUrl string = ''

@description('Tenant of jobs whose producer names none in the message property tenantId; empty: this directory, or local without Entra.')
param producerDefaultTenant string = ''

@minValue(0)
@maxValue(5)
@description('Proxies that append to X-Forwarded-For, the front end of the platform included: 2 behind Front Door.')
param trustedProxyHops int = 1

@description('Mail address that alerts and the budget write to; empty: nobody is told, alerts still show in the portal.')
param alertEmail string = ''

@description('Whether to make an Azure OpenAI account with one deployment.')
param deployOpenAI bool = false

@description('Base URL of another OpenAI-compatible endpoint, used where deployOpenAI is false; empty: the embedded writer.')
param llmEndpoint string = ''

@description('Model, or deployment, to ask at llmEndpoint.')
param llmModel string = ''

@description('Secret in a Key Vault of yours that holds the key of llmEndpoint; empty: no key. The app needs the role Key Vault Secrets User there.')
param llmKeySecretUri string = ''

@description('Secret in a Key Vault of yours that holds the token of the operator over all tenants; empty: there is none.')
param internalTokenSecretUri string = ''

@description('Where sources are looked for, comma-separated: library, wikipedia, crossref.')
param researchProviders string = 'library'

@description('First day of the budget: the first of a month.')
param budgetStart string = utcNow('yyyy-MM-01')

var profiles = {
  dev: loadJsonContent('profiles/dev.json')
  prod: loadJsonContent('profiles/prod.json')
  vnet: loadJsonContent('profiles/vnet.json')
}
var size = profiles[profile]
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
  profile: profile
}

// All names are made here: the hub and the app name each other, and neither can wait for the other.
var appName = 'func-${take(environmentName, 30)}-${token}'
var webPubSubName = 'wps-${take(environmentName, 30)}-${token}'
var deploymentContainer = 'app-package'
var hubName = 'contentjobs'
var apiUrl = empty(publicUrl) ? 'https://${appName}.azurewebsites.net' : publicUrl

// Raised here, both the queues and the app follow: the app must know when a message is nearly used up.
var maxDeliveryCount = 5
var queueNames = [
  'content-jobs'
  'content-jobs-high'
  'content-jobs-low'
  'content-callbacks'
]
var tableNames = [
  'activejobs'
  'apikeys'
  'audit'
  'connections'
  'jobindex'
  'jobs'
  'limits'
  'secrets'
  'state'
  'stats'
  'stepcache'
  'workflows'
]

// With Entra a tenant is a directory, so jobs of producers belong where people of this directory see them.
var homeTenant = empty(entraClientId) ? 'local' : subscription().tenantId
var defaultAuthMode = empty(entraClientId) ? 'apikey' : 'entra'
var developerId = size.developerAccess ? principalId : ''
var appPrincipal = [
  { id: identity.outputs.principalId, type: 'ServicePrincipal' }
]
var developerPrincipal = empty(developerId) ? [] : [
  { id: developerId, type: principalType }
]
var dataReaders = concat(appPrincipal, developerPrincipal)

// Names under which the network finds what is behind private endpoints, and what that is.
var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var tableZone = 'privatelink.table.${environment().suffixes.storage}'
var serviceBusZone = 'privatelink.servicebus.windows.net'
var webPubSubZone = 'privatelink.webpubsub.azure.com'
var openAIZone = 'privatelink.openai.azure.com'
var privateZones = [
  blobZone
  tableZone
  serviceBusZone
  webPubSubZone
]
var privateServices = [
  { name: 'host-blob', id: hostStorage.outputs.id, group: 'blob', zone: blobZone }
  { name: 'host-table', id: hostStorage.outputs.id, group: 'table', zone: tableZone }
  { name: 'data-table', id: dataStorage.outputs.id, group: 'table', zone: tableZone }
  { name: 'service-bus', id: serviceBus.outputs.id, group: 'namespace', zone: serviceBusZone }
  { name: 'web-pubsub', id: webPubSub.outputs.id, group: 'webpubsub', zone: webPubSubZone }
]
var privateModels = [
  { name: 'openai', id: deployOpenAI ? openAI.outputs.id : '', group: 'account', zone: openAIZone }
]

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: '${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
    retentionDays: size.logRetentionDays
    dailyCapGb: size.logDailyCapGb
    publishers: dataReaders
  }
}

module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: take('sth${token}${replace(environmentName, '-', '')}', 24)
    location: location
    tags: tags
    sku: size.storageSku
    isPrivate: size.vnetEnabled
    containers: [
      deploymentContainer
    ]
    tables: []
    blobOwners: appPrincipal
    tableContributors: appPrincipal
    workspaceId: monitoring.outputs.workspaceId
  }
}

module dataStorage 'modules/storage.bicep' = {
  name: 'data-storage'
  scope: group
  params: {
    name: take('std${token}${replace(environmentName, '-', '')}', 24)
    location: location
    tags: tags
    sku: size.storageSku
    isPrivate: size.vnetEnabled
    containers: []
    tables: tableNames
    blobOwners: []
    tableContributors: dataReaders
    workspaceId: monitoring.outputs.workspaceId
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    name: 'sb-${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
    sku: size.serviceBusSku
    messagingUnits: size.messagingUnits
    isPrivate: size.vnetEnabled
    queues: queueNames
    maxDeliveryCount: maxDeliveryCount
    owners: dataReaders
    workspaceId: monitoring.outputs.workspaceId
  }
}

module webPubSub 'modules/web-pubsub.bicep' = {
  name: 'web-pubsub'
  scope: group
  params: {
    name: webPubSubName
    location: location
    tags: tags
    sku: size.webPubSubSku
    units: size.webPubSubUnits
    isPrivate: size.vnetEnabled
    hub: hubName
    upstreamUrl: '${apiUrl}/content-architect/realtime/upstream'
    upstreamAudience: entraClientId
    owners: dataReaders
    workspaceId: monitoring.outputs.workspaceId
  }
}

module openAI 'modules/openai.bicep' = if (deployOpenAI) {
  name: 'openai'
  scope: group
  params: {
    name: 'oai-${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
    modelName: size.openAIModel
    modelVersion: size.openAIModelVersion
    capacity: size.llmThousandTokensPerMinute
    isPrivate: size.vnetEnabled
    users: dataReaders
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (size.vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: '${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
    zones: concat(privateZones, deployOpenAI ? [ openAIZone ] : [])
  }
}

module endpoints 'modules/private-endpoints.bicep' = if (size.vnetEnabled) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    subnetId: size.vnetEnabled ? network.outputs.endpointSubnetId : ''
    services: concat(privateServices, deployOpenAI ? privateModels : [])
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  // Behind private endpoints the host cannot start before it can reach its storage.
  dependsOn: [
    endpoints
  ]
  params: {
    name: appName
    planName: 'plan-${take(environmentName, 20)}-${token}'
    location: location
    tags: tags
    serviceName: 'api'
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    hostTableEndpoint: hostStorage.outputs.tableEndpoint
    deploymentContainer: deploymentContainer
    subnetId: size.vnetEnabled ? network.outputs.appSubnetId : ''
    zoneRedundant: size.zoneRedundant
    instanceMemoryMB: size.instanceMemoryMB
    maximumInstanceCount: size.maximumInstanceCount
    alwaysReadyHttp: size.alwaysReadyHttp
    httpConcurrency: size.httpConcurrency
    workspaceId: monitoring.outputs.workspaceId
    settings: {
      APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
      AUDIT_RETENTION_DAYS: string(size.auditRetentionDays)
      AUTH_MODE: empty(authMode) ? defaultAuthMode : authMode
      AZURE_SERVICE_BUS_CONNECTION_STRING__fullyQualifiedNamespace: serviceBus.outputs.fullyQualifiedNamespace
      CONTENT_ARCHITECT_API_URL: apiUrl
      CONTENT_STORAGE__tableServiceUri: dataStorage.outputs.tableEndpoint
      ENTRA_AUDIENCE: entraClientId
      ENTRA_AUTHORITY: environment().authentication.loginEndpoint
      ENTRA_TENANT_ID: subscription().tenantId
      INTERNAL_API_TOKEN: empty(internalTokenSecretUri) ? '' : '@Microsoft.KeyVault(SecretUri=${internalTokenSecretUri})'
      LLM_API_KEY: deployOpenAI || empty(llmKeySecretUri) ? '' : '@Microsoft.KeyVault(SecretUri=${llmKeySecretUri})'
      LLM_ENDPOINT: deployOpenAI ? openAI.outputs.endpoint : llmEndpoint
      LLM_MODEL: deployOpenAI ? openAI.outputs.deployment : llmModel
      LLM_PRICE_INPUT: string(size.llmPriceInput)
      LLM_PRICE_OUTPUT: string(size.llmPriceOutput)
      MAX_ACTIVE_JOBS: string(size.maxActiveJobs)
      MAX_DELIVERY_COUNT: string(maxDeliveryCount)
      PRODUCER_DEFAULT_TENANT: empty(producerDefaultTenant) ? homeTenant : producerDefaultTenant
      RATE_LIMIT_PER_MINUTE: string(size.rateLimitPerMinute)
      RESEARCH_PROVIDERS: researchProviders
      RETENTION_DAYS: string(size.retentionDays)
      TRUSTED_PROXY_HOPS: string(trustedProxyHops)
      WEB_PUBSUB__endpoint: webPubSub.outputs.endpoint
      WEB_PUBSUB_HUB: hubName
      WEB_PUBSUB_UPSTREAM_AUDIENCE: entraClientId
      WEB_PUBSUB_UPSTREAM_PRINCIPAL: empty(entraClientId) ? '' : webPubSub.outputs.principalId
      // Overrides host.json, so that instances x calls stay within the model's tokens per minute.
      AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls: string(size.maxConcurrentCalls)
    }
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: '${take(environmentName, 30)}-${token}'
    location: location
    tags: tags
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    webPubSubId: webPubSub.outputs.id
    dataStorageId: dataStorage.outputs.id
    frequency: size.alertFrequency
    backlog: size.backlogAlert
    dailyLlmDollars: size.dailyLlmDollars
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    displayName: 'Content Architect (${environmentName})'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module budget 'modules/budget.bicep' = {
  name: 'budget'
  scope: group
  params: {
    name: 'budget-${environmentName}'
    amount: size.monthlyBudget
    startDate: budgetStart
    actionGroupId: alerts.outputs.actionGroupId
  }
}

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app.')
output AZURE_FUNCTION_APP_NAME string = app.outputs.name

@description('Public base of the API.')
output CONTENT_ARCHITECT_API_URL string = apiUrl

@description('Address of the Table Storage of jobs, for a developer who has a role there.')
output CONTENT_STORAGE_TABLE_URI string = dataStorage.outputs.tableEndpoint

@description('Service Bus namespace, for producers.')
output SERVICE_BUS_NAMESPACE string = serviceBus.outputs.fullyQualifiedNamespace

@description('Web PubSub endpoint.')
output WEB_PUBSUB_ENDPOINT string = webPubSub.outputs.endpoint

@description('Log Analytics workspace, for queries.')
output LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceId
