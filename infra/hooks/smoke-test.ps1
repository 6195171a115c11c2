# After a deployment: the app answers, can accept work, and lets nobody in without a credential.
# azd puts the outputs of infra/main.bicep into the environment. WAIT_SECONDS is how long a first start may take.
$ErrorActionPreference = 'Stop'

if (-not $env:CONTENT_ARCHITECT_API_URL) { throw 'CONTENT_ARCHITECT_API_URL is not set: azd sets it; by hand: the public base of the API' }
$base = "$env:CONTENT_ARCHITECT_API_URL/content-architect"
$seconds = if ($env:WAIT_SECONDS) { [int]$env:WAIT_SECONDS } else { 180 }
$deadline = (Get-Date).AddSeconds($seconds)

foreach ($expected in @(@('health/live', 200), @('health/ready', 200), @('jobs', 401))) {
    $url = "$base/$($expected[0])"
    while ($true) {
        try { $answer = [int](Invoke-WebRequest -Uri $url -TimeoutSec 20 -SkipHttpErrorCheck).StatusCode } catch { $answer = 0 }
        if ($answer -eq $expected[1]) { break }
        if ((Get-Date) -ge $deadline) { throw "smoke test FAILED: GET $url answers $answer, not $($expected[1]). See docs/deploy.md." }
        Start-Sleep -Seconds 5
    }
    Write-Output "ok: GET $url answers $answer"
}
