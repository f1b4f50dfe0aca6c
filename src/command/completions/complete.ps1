# Completion of ws1-token for PowerShell; made by `ws1-token completions powershell`.

Register-ArgumentCompleter -Native -CommandName 'ws1-token' -ScriptBlock {
    param($word, $line, $cursor)
    $words = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object { if ($_.Value) { $_.Value } else { $_.Extent.Text } })
    $typed = $word -replace '["'']', ''
    $answer = @(& ws1-token completions powershell "--word=$typed" -- $words 2>$null)
    if ($answer[0] -ne 'words') { return }
    $option = if ($typed -match '^--[^=]*=') { $Matches[0] } else { '' }
    $answer | Select-Object -Skip 1 | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        $text = $option + $value
        if (-not $text.StartsWith($typed)) { return }
        if ($text -match '[^\w=.:/+-]') { $text = "'" + $text.Replace("'", "''") + "'" }
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $description)
    }
}
