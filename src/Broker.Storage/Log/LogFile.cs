using Broker.Storage.Disks;

namespace Broker.Storage.Log;

/// <summary>One file of the log.</summary>
internal sealed class LogFile
{
    private long _end;

    public LogFile(IDiskFile file, long basePosition, long capacity)
    {
        File = file;
        BasePosition = basePosition;
        Capacity = capacity;
        _end = basePosition;
    }

    public IDiskFile File { get; }

    /// <summary>Position of its first byte in the log.</summary>
    public long BasePosition { get; }

    /// <summary>Its length in bytes. Known here, because to ask the system would cost a call for each record.</summary>
    public long Capacity { get; private set; }

    /// <summary>Position behind the last record. While the file is written, any thread may read it.</summary>
    public long End
    {
        get => Volatile.Read(ref _end);
        set => Volatile.Write(ref _end, value);
    }

    /// <summary>Cuts it off behind what counts.</summary>
    public void CutOff(long length)
    {
        File.SetLength(length);
        Capacity = length;
    }

    public static string NameOf(long basePosition) => $"{basePosition:x16}.log";

    /// <summary>The base position in a file's name.</summary>
    public static bool TryParseName(string name, out long basePosition)
    {
        basePosition = 0;
        return name.Length == 20 && name.EndsWith(".log", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, 16), System.Globalization.NumberStyles.AllowHexSpecifier, null, out basePosition)
            && basePosition >= 0 && name == NameOf(basePosition);
    }
}
