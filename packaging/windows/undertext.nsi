; What installs Undertext on Windows, for whoever runs it and with the rights that they have. `installer.py` compiles it
; and says what the names in ${…} stand for. /S asks nothing, /D=C:\folder (the last word) takes another folder.
;
; installed.txt, in the folder of the program, names every file that was put there: an upgrade and the uninstaller
; remove what it names, and nothing else. What the user keeps is in another folder (%LOCALAPPDATA%\undertext).

Target ${TARGET}
SetCompressor /SOLID lzma
SetDateSave off ; the same program gives the same installer
ManifestDPIAware true
RequestExecutionLevel user

!define ENTRY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Undertext"
!define OLDEST_BUILD 17763 ; Windows 10, 1809: Qt runs on nothing older

Name "Undertext"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Undertext"
InstallDirRegKey HKCU "${ENTRY}" "InstallLocation" ; an upgrade goes where the version before is

!include LogicLib.nsh
!include MUI2.nsh
!include TextFunc.nsh
!include WinVer.nsh
!include x64.nsh

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_FINISHPAGE_RUN "$INSTDIR\undertext.exe"
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

VIProductVersion "${NUMBERS}"
VIFileVersion "${NUMBERS}"
VIAddVersionKey /LANG=${LANG_ENGLISH} ProductName "Undertext"
VIAddVersionKey /LANG=${LANG_ENGLISH} ProductVersion "${VERSION}"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileVersion "${VERSION}"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileDescription "Installs Undertext"
VIAddVersionKey /LANG=${LANG_ENGLISH} CompanyName "${PUBLISHER}"
VIAddVersionKey /LANG=${LANG_ENGLISH} LegalCopyright "${COPYRIGHT}"

; Say why nothing is done, and end with 2, as bad input does.
!macro Refuse SENTENCE
    MessageBox MB_OK|MB_ICONSTOP "${SENTENCE}" /SD IDOK
    SetErrorLevel 2
    Quit
!macroend

; Windows lets nobody write to a program that runs.
!macro RefuseWhileItRuns PROGRAM
    ${If} ${FileExists} "$INSTDIR\${PROGRAM}"
        ClearErrors
        FileOpen $0 "$INSTDIR\${PROGRAM}" a
        ${If} ${Errors}
            !insertmacro Refuse "Undertext is running: quit it (it may be in the tray), then start this again."
        ${EndIf}
        FileClose $0
    ${EndIf}
!macroend

; The installer and the uninstaller have the same functions, under names that NSIS wants to differ.
!macro Functions UN
    Function ${UN}RefuseWhileRunning
        !insertmacro RefuseWhileItRuns "undertext.exe"
        !insertmacro RefuseWhileItRuns "undertext.com"
    FunctionEnd

    Function ${UN}RemoveInstalled
        ClearErrors
        FileOpen $0 "$INSTDIR\installed.txt" r
        ${IfNot} ${Errors}
            ${Do}
                ClearErrors
                FileReadUTF16LE $0 $1
                ${If} ${Errors}
                    ${Break}
                ${EndIf}
                ${TrimNewLines} $1 $1
                StrCpy $2 $1 1 -1
                ${If} $2 == "\"
                    RMDir "$INSTDIR\$1" ; only if it is empty: what others put there stays
                ${Else}
                    Delete "$INSTDIR\$1"
                ${EndIf}
            ${Loop}
            FileClose $0
            Delete "$INSTDIR\installed.txt"
        ${EndIf}
        ClearErrors
    FunctionEnd
!macroend
!insertmacro Functions ""
!insertmacro Functions "un."

Function .onInit
    ${IfNot} ${RunningX64}
        !insertmacro Refuse "Undertext needs a Windows of 64 bits, and this one has 32."
    ${EndIf}
    ${IfNot} ${AtLeastBuild} ${OLDEST_BUILD}
        !insertmacro Refuse "Undertext needs Windows 10, version 1809, or a newer one."
    ${EndIf}
    Call RefuseWhileRunning
FunctionEnd

Function un.onInit
    Call un.RefuseWhileRunning
FunctionEnd

Section
    Call RemoveInstalled
    SetOutPath "$INSTDIR"
    File "/oname=installed.txt" "${LIST}" ; before the rest: what breaks off can be removed
    File /r "${FROZEN}"
    WriteUninstaller "$INSTDIR\uninstall.exe"
    WriteRegStr HKCU "${ENTRY}" "DisplayName" "Undertext"
    WriteRegStr HKCU "${ENTRY}" "DisplayVersion" "${VERSION}"
    WriteRegStr HKCU "${ENTRY}" "DisplayIcon" "$INSTDIR\undertext.exe"
    WriteRegStr HKCU "${ENTRY}" "Publisher" "${PUBLISHER}"
    WriteRegStr HKCU "${ENTRY}" "InstallLocation" "$INSTDIR"
    WriteRegStr HKCU "${ENTRY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
    WriteRegStr HKCU "${ENTRY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
    WriteRegDWORD HKCU "${ENTRY}" "EstimatedSize" ${KIBIBYTES}
    WriteRegDWORD HKCU "${ENTRY}" "NoModify" 1
    WriteRegDWORD HKCU "${ENTRY}" "NoRepair" 1
    SetOutPath "$PROFILE" ; where the program starts
    CreateShortcut "$SMPROGRAMS\Undertext.lnk" "$INSTDIR\undertext.exe"
SectionEnd

Section "Uninstall"
    Call un.RemoveInstalled
    RMDir "$INSTDIR"
    Delete "$SMPROGRAMS\Undertext.lnk"
    DeleteRegKey HKCU "${ENTRY}"
SectionEnd
