# Makes Undertext and its installer for Windows in dist\, and tries the program. In a terminal, in any folder:
#
#     powershell -ExecutionPolicy Bypass -File packaging\windows\build.ps1
#
# It needs Python 3.12 of 64 bits, git and NSIS 3, says which is missing, and installs nothing outside build\.
# Written on Linux, for PowerShell 5.1, which every Windows has; letters beyond ASCII would need a mark there.
param(
    [string]$Model = "" # the folder of a model to try it with, where none comes with the program
)
$ErrorActionPreference = "Stop"
Set-StrictMode -Version Latest
Set-Location (Join-Path $PSScriptRoot "..\..")

function Stop-Here([string]$Sentence) {
    [Console]::Error.WriteLine($Sentence)
    exit 2
}

# Runs a program to its end, and ends with it where it fails: PowerShell by itself would go on.
function Invoke-Step([string]$Trouble, [string]$Program, [string[]]$Arguments) {
    & $Program @Arguments
    if ($LASTEXITCODE -ne 0) { Stop-Here $Trouble }
}

foreach ($needed in @(@("py", "Python 3.12 (https://www.python.org, 64 bits)"), @("git", "git (https://git-scm.com)"))) {
    if (-not (Get-Command $needed[0] -ErrorAction SilentlyContinue)) { Stop-Here "Install $($needed[1]), then run this again." }
}
Invoke-Step "Install Python 3.12 of 64 bits (https://www.python.org), then run this again." "py" @(
    "-3.12", "-c", "import struct, sys; sys.exit(struct.calcsize('P') != 8)"
)

# An environment of its own: what is frozen is what the lock says, and nothing beside it.
$python = "build\venv\Scripts\python.exe"
$stamp = "build\venv\installed.txt"
$lock = "packaging\locks\freeze.txt"
$state = (Get-FileHash $lock -Algorithm SHA256).Hash
if (-not (Test-Path $stamp) -or (Get-Content $stamp) -ne $state) {
    Invoke-Step "Python could not make build\venv." "py" @("-3.12", "-m", "venv", "--clear", "build\venv")
    Invoke-Step "pip could not install $lock; its own message stands above." $python @(
        "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet",
        "--require-hashes", "--only-binary", ":all:", "-r", $lock
    )
    Set-Content $stamp $state
}

$env:PYTHONPATH = (Get-Location).Path
$env:PYTHONUTF8 = "1"
Invoke-Step "Without NSIS there is no installer." $python @("packaging\windows\installer.py", "--compiler")
Invoke-Step "Undertext could not be frozen." $python @("packaging\freeze.py")
Invoke-Step "The installer could not be made." $python @("packaging\windows\installer.py")
$chosen = @()
if ($Model -ne "") { $chosen = @("--model", $Model) }
Invoke-Step "The program does not do what it should." $python (@("packaging\smoke.py", "dist\undertext\undertext.com") + $chosen)
