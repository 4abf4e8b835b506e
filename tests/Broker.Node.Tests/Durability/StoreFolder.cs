using System.Text;

namespace Broker.Node.Tests.Durability;

/// <summary>The files of a node's store, as somebody sees them who looks from outside.</summary>
internal static class StoreFolder
{
    public static string Of(string data) => Path.Combine(data, "store");

    /// <summary>Bytes of all files of the store.</summary>
    public static long SizeOf(string data)
    {
        long total = 0;
        foreach (var file in new DirectoryInfo(Of(data)).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            try
            {
                total += file.Length;
            }
            catch (FileNotFoundException)
            {
                // Given up meanwhile.
            }
        }

        return total;
    }

    /// <summary>Changes one byte of a text, in the one file below the store's folder that has it, as a failing disk would.</summary>
    /// <param name="data">The data folder.</param>
    /// <param name="folder">A folder of the store.</param>
    /// <param name="text">What to look for.</param>
    /// <returns>Path of the file.</returns>
    public static string Damage(string data, string folder, string text)
    {
        var pattern = Encoding.UTF8.GetBytes(text);
        var found = (
            from path in Directory.EnumerateFiles(Path.Combine(Of(data), folder), "*", SearchOption.AllDirectories)
            let at = File.ReadAllBytes(path).AsSpan().IndexOf(pattern)
            where at >= 0
            select (Path: path, At: at)).ToList();
        var (file, offset) = Assert.Single(found);
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        stream.Position = offset + (pattern.Length / 2);
        var before = stream.ReadByte();
        stream.Position--;
        stream.WriteByte((byte)(before ^ 1));
        return file;
    }
}
