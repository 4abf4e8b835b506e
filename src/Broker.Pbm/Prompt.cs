using System.CommandLine.Parsing;

namespace Broker.Pbm;

/// <summary>Command lines one after the other, on one session.</summary>
internal static class Prompt
{
    /// <summary>Reads and runs lines until <c>exit</c>, <c>quit</c> or the end of input.</summary>
    /// <param name="console">Where to show the prompt.</param>
    /// <param name="lines">What is typed.</param>
    /// <param name="runAsync">Runs one command line; its errors are shown and do not end the prompt.</param>
    public static async Task RunAsync(PbmConsole console, TextReader lines, Func<IReadOnlyList<string>, Task> runAsync)
    {
        console.Output.WriteLine("'help' lists the commands, 'exit' ends.");
        while (true)
        {
            console.Output.Write("pbm> ");
            console.Output.Flush();
            if (lines.ReadLine() is not { } line)
            {
                console.Output.WriteLine();
                return;
            }

            var words = CommandLineParser.SplitCommandLine(line).ToList();
            if (words is ["exit" or "quit"])
            {
                return;
            }

            if (words.Count > 0)
            {
                await runAsync(words);
            }
        }
    }
}
