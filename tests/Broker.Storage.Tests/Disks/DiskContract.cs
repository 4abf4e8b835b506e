using Broker.Storage.Disks;

namespace Broker.Storage.Tests.Disks;

/// <summary>What every disk does; the crash that would show whether it syncs is <see cref="MemoryDiskCrashTests"/>'s.</summary>
public abstract partial class DiskContract
{
    protected abstract IDisk Disk { get; }

    [Fact]
    public void A_new_file_is_empty()
    {
        using var file = Disk.Create("a");
        Assert.Equal(0, file.Length);
        Assert.Equal(0, file.Read(0, new byte[10]));
        Assert.Equal("a", file.Path);
        Assert.True(Disk.Exists("a"));
    }

    [Fact]
    public void What_is_written_can_be_read_at_any_offset()
    {
        using var file = Disk.Create("a");
        var bytes = DiskBytes.Pattern(1, 5000);
        file.Write(0, bytes);
        file.Write(1000, bytes.AsSpan(0, 700));
        file.Write(4999, bytes.AsSpan(0, 3));
        bytes.AsSpan(0, 700).ToArray().CopyTo(bytes, 1000);
        var expected = bytes[..4999].Concat(DiskBytes.Pattern(1, 3)).ToArray();
        Assert.Equal(5002, file.Length);
        Assert.Equal(expected, file.All());
        var part = new byte[100];
        for (var read = 0; read < part.Length;)
        {
            read += file.Read(1650 + read, part.AsSpan(read));
        }

        Assert.Equal(expected[1650..1750], part);
    }

    [Fact]
    public void A_read_ends_at_the_end_of_the_file()
    {
        using var file = Disk.Create("a");
        file.Write(0, DiskBytes.Pattern(1, 600));
        var buffer = new byte[100];
        Assert.InRange(file.Read(580, buffer), 1, 20);
        Assert.Equal(0, file.Read(600, buffer));
        Assert.Equal(0, file.Read(10_000, buffer));
        Assert.Equal(0, file.Read(0, []));
    }

    [Fact]
    public void A_gap_before_a_write_reads_as_zeros()
    {
        using var file = Disk.Create("a");
        file.Write(1500, DiskBytes.Pattern(1, 10));
        Assert.Equal([.. new byte[1500], .. DiskBytes.Pattern(1, 10)], file.All());
    }

    [Fact]
    public void Pieces_are_written_one_after_the_other()
    {
        using var file = Disk.Create("a");
        var bytes = DiskBytes.Pattern(3, 2000);
        file.Write(10, [bytes.AsMemory(0, 7), ReadOnlyMemory<byte>.Empty, bytes.AsMemory(7, 1500), bytes.AsMemory(1507)]);
        Assert.Equal([.. new byte[10], .. bytes], file.All());
    }

    [Fact]
    public void More_pieces_than_a_system_call_takes_are_written_too()
    {
        using var file = Disk.Create("a");
        var bytes = DiskBytes.Pattern(3, 9000);
        file.Write(5, [.. Enumerable.Range(0, 3000).Select(i => new ReadOnlyMemory<byte>(bytes, i * 3, 3))]);
        Assert.Equal([.. new byte[5], .. bytes], file.All());
    }

    [Fact]
    public void Writing_nothing_changes_nothing()
    {
        using var file = Disk.Create("a");
        file.Write(1000, ReadOnlySpan<byte>.Empty);
        file.Write(1000, new List<ReadOnlyMemory<byte>>());
        file.Write(1000, [ReadOnlyMemory<byte>.Empty]);
        Assert.Equal(0, file.Length);
    }

    [Fact]
    public void Bytes_that_the_caller_changes_afterwards_stay_as_they_were_written()
    {
        using var file = Disk.Create("a");
        var bytes = DiskBytes.Pattern(1, 1024);
        file.Write(0, bytes);
        bytes.AsSpan().Clear();
        Assert.Equal(DiskBytes.Pattern(1, 1024), file.All());
    }

    [Fact]
    public void A_file_that_is_cut_off_and_grows_again_has_zeros_there()
    {
        using var file = Disk.Create("a");
        file.Write(0, DiskBytes.Pattern(1, 3000));
        file.SetLength(700);
        Assert.Equal(700, file.Length);
        Assert.Equal(0, file.Read(700, new byte[1]));
        file.SetLength(3000);
        Assert.Equal([.. DiskBytes.Pattern(1, 3000)[..700], .. new byte[2300]], file.All());
    }

    [Fact]
    public void Allocated_bytes_are_zero_and_those_before_stay()
    {
        using var file = Disk.Create("a");
        file.Write(0, DiskBytes.Pattern(1, 700));
        file.Allocate(2_500_000);
        Assert.Equal([.. DiskBytes.Pattern(1, 700), .. new byte[2_499_300]], file.All());
        file.Write(1_048_570, DiskBytes.Pattern(2, 20));
        Assert.Equal(2_500_000, file.Length);
        Assert.Equal(DiskBytes.Pattern(2, 20), file.All()[1_048_570..1_048_590]);
    }

    [Fact]
    public void Allocating_less_than_there_is_changes_nothing()
    {
        using var file = Disk.Create("a");
        file.Write(5000, DiskBytes.Pattern(1, 700));
        file.Allocate(3000);
        file.Allocate(0);
        Assert.Equal([.. new byte[5000], .. DiskBytes.Pattern(1, 700)], file.All());
    }

    [Fact]
    public void A_file_that_is_opened_twice_is_one_file()
    {
        using var file = Disk.Create("a");
        using var again = Disk.Open("a");
        file.Write(0, DiskBytes.Pattern(1, 100));
        Assert.Equal(DiskBytes.Pattern(1, 100), again.All());
        again.Write(50, DiskBytes.Pattern(2, 100));
        Assert.Equal(150, file.Length);
        again.Sync();
        file.Sync();
    }

    [Fact]
    public void A_file_keeps_its_content_when_it_is_closed()
    {
        Disk.Create("a").Dispose();
        using (var file = Disk.Open("a"))
        {
            file.Write(0, DiskBytes.Pattern(1, 100));
        }

        Assert.Equal(DiskBytes.Pattern(1, 100), Disk.AllOf("a"));
    }

    [Fact]
    public void A_closed_file_cannot_be_used()
    {
        var file = Disk.Create("a");
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Write(0, [1]));
        Assert.Throws<ObjectDisposedException>(() => file.Read(0, new byte[1]));
        Assert.Throws<ObjectDisposedException>(file.Sync);
        Assert.Throws<ObjectDisposedException>(() => file.SetLength(1));
        Assert.Throws<ObjectDisposedException>(() => file.Length);
    }

    [Fact]
    public void Nothing_lies_before_the_beginning()
    {
        using var file = Disk.Create("a");
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read(-1, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Write(-1, [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Write(-1, [new byte[1]]));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Allocate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.SetLength(-1));
    }

    [Fact]
    public void There_is_free_space() => Assert.True(Disk.FreeBytes > 1 << 20);

    [Fact]
    public async Task Readers_beside_a_writer_see_what_was_written()
    {
        const int count = 500;
        using var file = Disk.Create("a");
        file.Allocate(count * 100);
        var written = 0;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var buffer = new byte[100];
            for (int seen; (seen = Volatile.Read(ref written)) < count;)
            {
                for (var i = 0; i < seen; i += 1 + (seen / 10))
                {
                    for (var read = 0; read < buffer.Length;)
                    {
                        read += file.Read((i * 100) + read, buffer.AsSpan(read));
                    }

                    Assert.Equal(DiskBytes.Pattern(i, 100), buffer);
                }
            }
        })).ToArray();
        for (var i = 0; i < count; i++)
        {
            file.Write(i * 100, DiskBytes.Pattern(i, 100));
            Volatile.Write(ref written, i + 1);
        }

        await Task.WhenAll(readers);
    }
}
