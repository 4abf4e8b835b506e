using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Broker.Pbm;

/// <summary>The streams of the process, so that tests can stand in for them.</summary>
internal sealed class PbmConsole : IDisposable
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Creates a console.</summary>
    /// <param name="input">Bytes to publish, or the lines of the prompt.</param>
    /// <param name="output">Results; nothing else is written there.</param>
    /// <param name="error">Errors and remarks.</param>
    /// <param name="isTerminal">Results are read by a person: tables with borders, control characters shown instead of sent.</param>
    /// <param name="isInteractive">A person types.</param>
    public PbmConsole(Stream input, Stream output, TextWriter error, bool isTerminal, bool isInteractive)
    {
        Input = input;
        OutputBytes = output;
        Output = new StreamWriter(output, s_utf8, leaveOpen: true) { NewLine = "\n" };
        Error = error;
        IsTerminal = isTerminal;
        IsInteractive = isInteractive;
    }

    public Stream Input { get; }

    /// <summary>Text to <see cref="OutputBytes"/>; buffered until it is flushed.</summary>
    public StreamWriter Output { get; }

    public Stream OutputBytes { get; }

    public TextWriter Error { get; }

    public bool IsTerminal { get; }

    public bool IsInteractive { get; }

    /// <summary>The console of this process.</summary>
    public static PbmConsole OfProcess()
    {
        return new PbmConsole(
            Console.OpenStandardInput(), OpenOutput(), Console.Error, !Console.IsOutputRedirected, !Console.IsInputRedirected && !Console.IsOutputRedirected);
    }

    /// <inheritdoc/>
    public void Dispose() => Output.Dispose();

    // Console's own stream hides a broken pipe, and messages would be acknowledged that nobody saw; a file stream reports it. For anything but a pipe
    // Console's is the right one: a file stream would write a redirected file from its own idea of the position.
    private static Stream OpenOutput()
    {
        if (Console.IsOutputRedirected && !OperatingSystem.IsWindows())
        {
            var file = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!file.CanSeek)
            {
                return file;
            }
        }

        return Console.OpenStandardOutput();
    }
}
