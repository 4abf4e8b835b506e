using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

/// <summary>Bytes that tests write and expect.</summary>
internal static class DiskBytes
{
    /// <summary>Bytes that are different at each place and for each tag.</summary>
    public static byte[] Pattern(int tag, int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)(1 + (((tag * 31) + i + (i / 251)) % 255));
        }

        return bytes;
    }

    /// <summary>The file's bytes, however few each read gives.</summary>
    public static byte[] All(this IDiskFile file)
    {
        var bytes = new byte[file.Length];
        for (var read = 0; read < bytes.Length;)
        {
            var count = file.Read(read, bytes.AsSpan(read));
            Assert.True(count > 0, $"no bytes at {read} of {bytes.Length}");
            read += count;
        }

        return bytes;
    }

    /// <summary>The bytes of a file that nobody needs to have open.</summary>
    public static byte[] AllOf(this IDisk disk, string path)
    {
        using var file = disk.Open(path);
        return file.All();
    }

    /// <summary>A file that survives a crash, open.</summary>
    public static IDiskFile CreateSynced(this IDisk disk, string path, ReadOnlySpan<byte> bytes)
    {
        var file = disk.Create(path);
        file.Write(0, bytes);
        file.Sync();
        disk.SyncFolder(path.Contains('/', StringComparison.Ordinal) ? path[..path.LastIndexOf('/')] : "");
        return file;
    }

    /// <summary>What kind of failure the action ends with.</summary>
    public static DiskError Error(Action action) => Assert.Throws<DiskException>(action).Error;
}
