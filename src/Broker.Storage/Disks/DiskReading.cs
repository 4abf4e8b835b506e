namespace Broker.Storage.Disks;

/// <summary>Reading whole pieces from files that may give less at a time.</summary>
internal static class DiskReading
{
    /// <summary>Fills the buffer.</summary>
    /// <returns><c>false</c> if the file ends first.</returns>
    public static bool TryReadExactly(IDiskFile file, long offset, Span<byte> buffer) => ReadUpTo(file, offset, buffer) == buffer.Length;

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    public static int ReadUpTo(IDiskFile file, long offset, Span<byte> buffer)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var read = file.Read(offset + total, buffer[total..]);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }
}
