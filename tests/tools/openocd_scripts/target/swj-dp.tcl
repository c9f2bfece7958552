# In the place of OpenOCD's own, so that its target/nrf51.cfg serves unchanged: the chip has SWD only and the file says
# nothing of an instruction register.
proc swj_newdap {chip tag args} {
    jtag newtap $chip $tag -irlen 4 {*}$args
}
