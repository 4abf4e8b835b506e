using System.Text;
using System.Text.Json.Nodes;

namespace Broker.Pbm.Output;

/// <summary>A text file that a command writes: there as a whole, or not at all.</summary>
internal sealed class TextFile : IDisposable
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly string _path;
    private readonly string _partial;
    private readonly StreamWriter _writer;

    /// <param name="path">Where it is to be.</param>
    /// <exception cref="PbmException">It cannot be written there.</exception>
    public TextFile(string path)
    {
        _path = path;
        _partial = path + ".partial";
        try
        {
            _writer = new StreamWriter(_partial, append: false, s_strict) { NewLine = "\n" };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbmException(ExitCode.Usage, "", $"cannot write '{path}': {e.Message}");
        }
    }

    /// <summary>What is written to it.</summary>
    public TextWriter Writer => _writer;

    /// <summary>The text of a file that an argument names.</summary>
    /// <exception cref="PbmException">It cannot be read.</exception>
    public static JsonNode? Read(JsonNode? path)
    {
        if (path is null)
        {
            return null;
        }

        var name = (string)path!;
        try
        {
            return JsonValue.Create(s_strict.GetString(File.ReadAllBytes(name)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbmException(ExitCode.Usage, "", $"cannot read '{name}': {e.Message}");
        }
        catch (DecoderFallbackException)
        {
            throw new PbmException(ExitCode.Usage, "", $"'{name}' is no text in UTF-8");
        }
    }

    /// <summary>It is complete.</summary>
    public void Keep()
    {
        _writer.Dispose();
        File.Move(_partial, _path, overwrite: true);
    }

    /// <summary>Ends it; what was not kept is gone.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        File.Delete(_partial);
    }
}
